package graphsim

import (
	"encoding/hex"
	"net/http"
)

// noUser answers for a user that does not exist, as the backend of the
// authentication methods does.
func (p *reply) noUser() {
	p.failAs("innererror", http.StatusNotFound, "resourceNotFound", "User not found.")
}

// methods answers GET /users/{id}/authentication/fido2Methods.
func (s *Server) methods(q *request, rt *route, p *reply) {
	if rt.user < 0 {
		p.noUser()
		return
	}
	var space [4]passkey
	keys := s.tenant.passkeys(space[:0], rt.user)
	limit := len(keys)
	if s.options.MethodsPage > 0 {
		limit = s.options.MethodsPage
	}
	context := "users('" + q.segments[1] + "')/authentication/fido2Methods"
	s.writePage(q, rt, p, context, -1, limit, func(b []byte, at, limit int) ([]byte, int) {
		for n := at; n < len(keys); n++ {
			if n == at+limit {
				return b, n
			}
			if n > at {
				b = append(b, ',')
			}
			b = keys[n].append(append(b, '{'), q.version)
		}
		return b, -1
	})
}

// oneMethod answers GET /users/{id}/authentication/fido2Methods/{id}.
func (s *Server) oneMethod(q *request, rt *route, p *reply) {
	if rt.user < 0 {
		p.noUser()
		return
	}
	for _, k := range s.tenant.passkeys(nil, rt.user) {
		if string(k.appendID(nil)) == rt.method {
			b := append(append(p.body, '{'), entityLead(q, "users('"+q.segments[1]+"')/authentication/fido2Methods")...)
			p.body = k.append(b, q.version)
			return
		}
	}
	p.failAs("innererror", http.StatusNotFound, "resourceNotFound", "The requested authentication method was not found.")
}

// append appends the passkey's properties and the closing brace. The time of the
// last use exists in beta alone.
func (k *passkey) append(b []byte, version string) []byte {
	b = append(k.appendID(append(b, `"id":"`...)), '"')
	b = appendString(append(b, `,"displayName":`...), k.name)
	b = k.created.append(append(b, `,"createdDateTime":`...))
	if version == "beta" {
		b = k.lastUsed.append(append(b, `,"lastUsedDateTime":`...))
	}
	b = append(b, `,"aaGuid":`...)
	if k.noAAGUID {
		b = append(b, "null"...)
	} else {
		b = appendString(b, k.aaguid)
	}
	b = appendString(append(b, `,"model":`...), k.model)
	b = append(b, `,"attestationCertificates":[`...)
	if k.certificate != nil {
		b = append(hex.AppendEncode(append(b, '"'), k.certificate), '"')
	}
	b = appendStringOrNull(append(b, `],"attestationLevel":`...), string(k.attestation))
	b = appendStringOrNull(append(b, `,"passkeyType":`...), string(k.typ))
	return append(b, '}')
}
