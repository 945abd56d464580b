package graph

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"passkey-audit/audit"
)

// MaxBatch is the most requests that one $batch may hold (Graph
// documentation, "Combine multiple HTTP requests using JSON batching").
const MaxBatch = 20

// maxMethodPages bounds the pages of one user's passkeys. No paging of them is
// documented, and Microsoft advises no more than 20 passkeys a user.
const maxMethodPages = 50

type methodJSON struct {
	ID          string `json:"id"`
	Name        string `json:"displayName"`
	AAGUID      string `json:"aaGuid"`
	Model       string `json:"model"`
	Type        string `json:"passkeyType"`
	Attestation string `json:"attestationLevel"`
	Created     string `json:"createdDateTime"`
	LastUsed    string `json:"lastUsedDateTime"`
}

// Methods reads the passkeys of up to MaxBatch users in one $batch. The answers
// are in the order of the ids, one for each, whatever the order and
// completeness of Graph's answer: a user that it leaves out, refuses, or
// answers with something that is no list has an Err, which is an *Error with
// the status, code, request id and Retry-After of that item.
//
// The error is set only if the batch as a whole failed. Where a user's list
// goes on over a link, which is not documented but possible, the rest is read
// too, one request after the other; a failure there is that user's Err.
//
// LastUsedAt is set only with Options.LastUsed, and where beta knows it: null,
// which it gives for many, stays the zero time.
func (c *Client) Methods(ctx context.Context, userIDs []string) (audit.MethodsBatch, error) {
	if len(userIDs) == 0 {
		return audit.MethodsBatch{}, nil
	}
	if len(userIDs) > MaxBatch {
		return audit.MethodsBatch{}, fmt.Errorf("read passkeys: %d users in a batch, %d are the most", len(userIDs), MaxBatch)
	}
	body, sent, err := c.batchBody(ctx, userIDs)
	if err != nil {
		return audit.MethodsBatch{}, fmt.Errorf("read passkeys: %w", err)
	}
	var replies []itemReply
	k := &call{path: "/" + c.methodsVersion() + "/$batch", body: body, parsers: &c.parsers}
	if sent > 0 {
		// The SDK has no request builder for $batch, only a model that holds
		// every item several times over.
		request := abstractions.NewRequestInformation()
		request.Method = abstractions.POST
		request.UrlTemplate = "{+root}/{version}/$batch"
		request.PathParameters["root"], request.PathParameters["version"] = c.sender.options.Cloud.Root, c.methodsVersion()
		if err := c.send(ctx, request, k); err != nil {
			return audit.MethodsBatch{}, fmt.Errorf("read passkeys: %w", err)
		}
		if replies, err = decodeBatch(k); err != nil {
			return audit.MethodsBatch{}, fmt.Errorf("read passkeys: %w", err)
		}
	}
	out := audit.MethodsBatch{Answers: make([]audit.MethodsAnswer, len(userIDs)), Load: k.load}
	for _, r := range replies {
		out.Load = addLoad(out.Load, r.load())
	}
	matched := matchReplies(replies, len(userIDs))
	for i, id := range userIDs {
		if err := checkID(id); err != nil {
			out.Answers[i].Err = err
			continue
		}
		out.Answers[i] = c.answer(ctx, k, matched[i], &out.Load)
		if errors.Is(out.Answers[i].Err, ErrUnauthorized) {
			// The envelope was accepted, so only the next request can renew.
			challenge := ""
			if r := matched[i]; r != nil {
				challenge = challengeClaims([]string{r.Headers.get("WWW-Authenticate")})
			}
			c.sender.tokens.forget(ctx, k.token, challenge)
		}
	}
	if err := ctx.Err(); err != nil {
		return audit.MethodsBatch{}, fmt.Errorf("read passkeys: %w", err)
	}
	return out, nil
}

// CanReadMethods asks for one user's passkeys, in a request of its own, and drops
// them: its error tells whether they may be read. A user who is gone is
// ErrNotFound, a cloud that does not know passkeys ErrNotOffered.
func (c *Client) CanReadMethods(ctx context.Context, userID string) error {
	if err := checkID(userID); err != nil {
		return fmt.Errorf("try to read passkeys: %w", err)
	}
	request, err := users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter).
		ByUserId(userID).Authentication().Fido2Methods().ToGetRequestInformation(ctx, nil)
	if err == nil {
		err = c.get(ctx, request, "", &call{path: "/v1.0/users/{id}/authentication/fido2Methods"})
	}
	if err != nil {
		return fmt.Errorf("try to read passkeys: %w", err)
	}
	return nil
}

// methodsVersion is the version of Graph that passkeys are read from. It stands
// in the address of the $batch and holds for all of its items.
func (c *Client) methodsVersion() string {
	if c.sender.options.LastUsed {
		return "beta"
	}
	return "v1.0"
}

// batchBody writes the body of the $batch and counts its items. The id of an
// item is its place in userIDs. The address within an item is the SDK's for
// one user, relative and without version.
func (c *Client) batchBody(ctx context.Context, userIDs []string) (body []byte, items int, err error) {
	const place = "place-of-the-id"
	request, err := users.NewUsersRequestBuilderInternal(map[string]string{"baseurl": ""}, c.adapter).
		ByUserId(place).Authentication().Fido2Methods().ToGetRequestInformation(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	address, err := request.GetUri()
	if err != nil {
		return nil, 0, err
	}
	before, after, _ := strings.Cut(address.Path, place)
	body = make([]byte, 0, 32+len(userIDs)*200)
	body = append(body, `{"requests":[`...)
	for i, id := range userIDs {
		if checkID(id) != nil {
			continue
		}
		if items > 0 {
			body = append(body, ',')
		}
		items++
		// An escaped segment holds nothing that JSON would escape.
		body = append(body, `{"id":"`...)
		body = strconv.AppendInt(body, int64(i), 10)
		body = append(body, `","method":"GET","url":"`...)
		body = append(body, before...)
		body = append(body, escapeID(id)...)
		body = append(body, after...)
		body = append(body, `","headers":{"Accept":"application/json","x-ms-throttle-priority":"Low"}}`...)
	}
	return append(body, `]}`...), items, nil
}

// answer turns the reply to one item into an answer, and reads on where the
// list is longer than the reply. reply is nil where there was none.
func (c *Client) answer(ctx context.Context, k *call, reply *itemReply, load *audit.Load) audit.MethodsAnswer {
	fail := func(err error) audit.MethodsAnswer { return audit.MethodsAnswer{Err: err} }
	if reply == nil {
		return fail(&Error{
			Code: CodeUnanswered, Message: "the answer to the batch leaves this user out",
			RequestID: cleanID(k.header.Get("request-id")), ClientRequestID: k.id, cause: ErrMalformed,
		})
	}
	if err := reply.err(k, c.sender.options.Now()); err != nil {
		return fail(err)
	}
	passkeys, err := appendPasskeys(nil, reply.Body.Value, reply.Status)
	if err != nil {
		return fail(k.complete(err))
	}
	next, seen := reply.Body.Next, map[string]bool(nil)
	for n := 0; next != ""; n++ {
		if seen[next] || n == maxMethodPages {
			return fail(k.complete(malformed(reply.Status, "the pages of this user's passkeys do not end")))
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[next] = true
		more, err := c.methodsPage(ctx, next)
		if err != nil {
			return fail(err)
		}
		*load = addLoad(*load, more.load)
		if passkeys, err = appendPasskeys(passkeys, more.Value, more.status); err != nil {
			return fail(err)
		}
		next = more.Next
	}
	return audit.MethodsAnswer{Passkeys: passkeys}
}

// A methodsPage is a further page of one user's passkeys.
type methodsPage struct {
	page[methodJSON]
	status int
	load   audit.Load
}

func (c *Client) methodsPage(ctx context.Context, link string) (methodsPage, error) {
	request := abstractions.NewRequestInformation()
	request.Method = abstractions.GET
	k := &call{path: "/" + c.methodsVersion() + "/users/{id}/authentication/fido2Methods"}
	if err := c.get(ctx, request, link, k); err != nil {
		return methodsPage{}, err
	}
	p, err := decodePage[methodJSON](k, link, "passkeys")
	if err != nil {
		return methodsPage{}, err
	}
	return methodsPage{page: p, status: k.status, load: k.load}, nil
}

// appendPasskeys converts passkeys. One without an id could not be stored
// beside the others, so the list as a whole counts as unread.
func appendPasskeys(to []audit.Passkey, from *[]methodJSON, status int) ([]audit.Passkey, error) {
	if to == nil && len(*from) > 0 {
		to = make([]audit.Passkey, 0, len(*from))
	}
	for i := range *from {
		m := &(*from)[i]
		if m.ID == "" {
			return nil, malformed(status, "passkey %d of the user has no id", i+1)
		}
		to = append(to, audit.Passkey{
			ID: m.ID, Name: m.Name, AAGUID: m.AAGUID, Model: m.Model,
			Type:        audit.PasskeyType(m.Type),
			Attestation: audit.AttestationLevel(m.Attestation),
			CreatedAt:   parseTime(m.Created), LastUsedAt: parseTime(m.LastUsed),
		})
	}
	return to, nil
}

// err gives the error of a reply that is no proper list of passkeys, nil for
// one that is.
func (r *itemReply) err(k *call, now time.Time) error {
	var e *Error
	switch {
	case r.broken != "":
		e = malformed(r.Status, "%s", r.broken)
	case r.Status < 100 || r.Status > 999:
		e = malformed(0, "the answer to the batch has no status for this user")
	case r.Status < 200 || r.Status >= 300:
		e = r.failure()
	default:
		if e = r.Body.check(r.Status, "passkeys"); e == nil {
			return nil
		}
	}
	if e.RequestID == "" {
		e.RequestID = cleanID(k.header.Get("request-id"))
	}
	e.ClientRequestID = k.id
	e.addHeaders(r.Headers.get, now)
	return e
}
