package graph

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// checkLink parses a link that an answer gave and makes sure that it leads to
// the Graph root and nowhere else. Anything else is an *Error that matches
// ErrForeignLink; its text names the host and never the query, which holds an
// opaque token.
func (c *Client) checkLink(link string) (*url.URL, error) {
	refuse := func(why string) (*url.URL, error) {
		return nil, &Error{
			Code:    CodeForeignLink,
			Message: why,
			cause:   ErrForeignLink,
		}
	}
	u, err := url.Parse(link)
	switch {
	case err != nil || u.Opaque != "" || u.Host == "":
		return refuse("the link to the next page is no absolute address")
	case u.User != nil:
		return refuse("the link to the next page holds a user name")
	case origin(u) != c.origin:
		return refuse(fmt.Sprintf("the link to the next page leads to %s, not to %s",
			clean(u.Scheme+"://"+u.Host, 100), c.origin))
	}
	// Dots in the path would be resolved somewhere on the way.
	p := path.Clean(u.Path)
	if !strings.HasPrefix(p, "/v1.0/") && !strings.HasPrefix(p, "/beta/") {
		return refuse("the link to the next page leads outside of /v1.0 and /beta")
	}
	return u, nil
}
