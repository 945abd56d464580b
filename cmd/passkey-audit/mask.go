package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"iter"
	"strings"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// A mask puts pseudonyms in the place of what people are called. They are made
// from ids with a key of the snapshot's own: the same in every report of one
// snapshot, and not to be guessed from another one. Ids stay. A nil mask
// changes nothing.
type mask struct{ key []byte }

// newMask gives the mask of a snapshot, or nil if none is wanted.
func newMask(wanted bool, key string) *mask {
	if !wanted {
		return nil
	}
	return &mask{[]byte(key)}
}

// maskKey gives a snapshot's key; one from before there were keys has what
// nobody else has.
func maskKey(m snapshot.Meta) string {
	if m.MaskKey != "" {
		return m.MaskKey
	}
	return m.Tenant.ID + " " + m.StartedAt.String()
}

// token is a pseudonym of 60 bits: among a million of them two are the same
// once in two million times.
func (m *mask) token(kind, id string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(kind + "\x00" + strings.ToLower(id)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:12])
}

// upn is a pseudonym in the form of a user principal name. Nobody can own a name
// under .invalid (RFC 2606).
func (m *mask) upn(id string) string { return "user-" + m.token("user", id) + "@masked.invalid" }

// user masks a user and the user's passkeys.
func (m *mask) user(u *audit.JudgedUser) {
	if m == nil {
		return
	}
	m.person(&u.User)
	for i := range u.Passkeys {
		m.passkey(u.ID, &u.Passkeys[i].Passkey)
	}
}

// record masks what a snapshot holds of a user.
func (m *mask) record(r *snapshot.Record) {
	if m == nil {
		return
	}
	m.person(&r.User)
	for i := range r.Passkeys {
		m.passkey(r.ID, &r.Passkeys[i])
	}
}

func (m *mask) person(u *audit.User) {
	u.UPN, u.DisplayName = m.upn(u.ID), "User "+m.token("user", u.ID)
}

func (m *mask) passkey(userID string, k *audit.Passkey) {
	k.Name = "passkey-" + m.token("passkey", userID+"\x00"+k.ID)
}

// failures masks the users among what could not be read.
func (m *mask) failures(all iter.Seq2[audit.Failure, error]) iter.Seq2[audit.Failure, error] {
	if m == nil {
		return all
	}
	return func(yield func(audit.Failure, error) bool) {
		for f, err := range all {
			if f.UPN != "" {
				// Microsoft Graph may name the user in what it says.
				f.Message = replaceFold(f.Message, f.UPN, m.upn(f.ID))
				f.UPN = m.upn(f.ID)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// replaceFold replaces old in s whatever the letter case.
func replaceFold(s, old, replacement string) string {
	lower, want := strings.ToLower(s), strings.ToLower(old)
	if len(lower) != len(s) {
		// Letters whose case has another length: where it stands is not sure.
		if strings.Contains(lower, want) {
			return ""
		}
		return s
	}
	var b strings.Builder
	for {
		at := strings.Index(lower, want)
		if at < 0 || want == "" {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:at])
		b.WriteString(replacement)
		s, lower = s[at+len(want):], lower[at+len(want):]
	}
}
