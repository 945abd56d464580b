package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// claims are the parts of an access token that matter here. They are read
// without a check of the signature, which only Graph can make, and so serve
// for messages and for refusing early, never for trust.
type claims struct {
	TenantID string      `json:"tid"`
	AppID    string      `json:"appid"`
	Expires  json.Number `json:"exp"`
	// Roles are application permissions, Scopes delegated ones with blanks
	// between them, and DirectoryRoles the template ids of a person's roles.
	Roles          []string `json:"roles"`
	Scopes         string   `json:"scp"`
	DirectoryRoles []string `json:"wids"`
	// IdentityType is "app" or "user"; not every token has it.
	IdentityType string `json:"idtyp"`
}

// decodeToken reads the claims of a JSON Web Token; false if it is none.
// Microsoft calls its access tokens opaque to clients, and for some accounts
// they are.
func decodeToken(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, false
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return claims{}, false
	}
	return c, true
}

// expiry gives the token's end; zero if it does not say, or nothing sensible.
func (c claims) expiry() time.Time {
	f, err := c.Expires.Float64()
	if err != nil || f <= 0 || f > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0).UTC()
}

// Grants is what an access token says of whom it serves and what for. It is
// not checked and serves for messages alone; what Graph answers counts.
type Grants struct {
	// Known is false for a token that cannot be read; all else is empty then.
	Known bool
	// Delegated: a person is signed in, so that the person's own roles count too.
	Delegated bool
	// AppID is the id of the app registration or managed identity.
	AppID string
	// Permissions are the application permissions or the scopes, sorted as the
	// token has them.
	Permissions []string
	// DirectoryRoles are the template ids of the person's directory roles, in
	// lower case. Large tokens leave them out.
	DirectoryRoles []string
}

// Grants reads what the access token says of itself. It signs in if that has
// not been done.
func (c *Client) Grants(ctx context.Context) (Grants, error) {
	token, err := c.sender.tokens.get(ctx)
	if err != nil {
		return Grants{}, err
	}
	d, ok := decodeToken(token)
	if !ok {
		return Grants{}, nil
	}
	g := Grants{Known: true, AppID: cleanID(d.AppID)}
	g.Delegated = strings.EqualFold(d.IdentityType, "user") || d.IdentityType == "" && d.Scopes != ""
	names := d.Roles
	if g.Delegated {
		names = strings.Fields(d.Scopes)
	}
	for _, name := range names {
		if name = clean(name, 100); name != "" {
			g.Permissions = append(g.Permissions, name)
		}
	}
	for _, id := range d.DirectoryRoles {
		g.DirectoryRoles = append(g.DirectoryRoles, lowerGUID(clean(id, 100)))
	}
	return g, nil
}

// maxChallenge bounds the claims of a challenge; they are some hundred bytes.
const maxChallenge = 16 << 10

// challengeClaims gives the claims that a 401 asks of the next token; empty
// where it asks for none (Microsoft identity platform documentation, "Claims
// challenges"). They stand in base64 in a WWW-Authenticate header such as
//
//	Bearer realm="", error="insufficient_claims", claims="eyJ..."
//
// What makes no sense is no challenge.
func challengeClaims(headers []string) string {
	for _, h := range headers {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(h), " ")
		if !strings.EqualFold(scheme, "Bearer") || len(h) > maxChallenge {
			continue
		}
		p := parameters(rest)
		if !strings.EqualFold(p["error"], "insufficient_claims") {
			continue
		}
		// Both alphabets of base64 are met, with padding and without.
		text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(p["claims"], "="))
		body, err := base64.RawStdEncoding.DecodeString(text)
		if err == nil && json.Valid(body) && strings.HasPrefix(strings.TrimSpace(string(body)), "{") {
			return string(body)
		}
	}
	return ""
}

// parameters reads name="value" pairs with commas between them; names in lower
// case. It stops at what is none.
func parameters(s string) map[string]string {
	out := map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t,")
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return out
		}
		var value string
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			if value, s, ok = strings.Cut(quoted, `"`); !ok {
				return out
			}
		} else {
			value, s, _ = strings.Cut(rest, ",")
		}
		out[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
}

// challenge gives the claims that the last answer asks for.
func (k *call) challenge() string {
	if k.status != http.StatusUnauthorized {
		return ""
	}
	return challengeClaims(k.header.Values("WWW-Authenticate"))
}
