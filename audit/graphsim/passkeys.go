package graphsim

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"passkey-audit/audit"
)

// A passkey is one of a user's passkeys, as it stands in the directory.
type passkey struct {
	id   [16]byte
	name string
	// aaguid as Graph would send it; noAAGUID means null.
	aaguid      string
	noAAGUID    bool
	model       string
	typ         audit.PasskeyType
	attestation audit.AttestationLevel
	// certificate is a thumbprint's 20 bytes; nil where there is none.
	certificate []byte
	created     moment
	lastUsed    moment
	method      string
}

// hostileNames are passkey names that break whoever trusts them: formulas, markup,
// control characters, terminal sequences, and one too long for an Excel cell.
func hostileNames() []string {
	return []string{
		`=HYPERLINK("http://x","y")`,
		`+cmd|' /C calc'!A0`,
		`-1+1`,
		`@SUM(A1)`,
		"\ttab first",
		"\rcarriage return",
		"two\nlines\r\nand a third",
		`quotes " and ' and , and ;`,
		"NUL \x00 and \x01 \x07 \x08 \x1f controls",
		`<script>alert(1)</script>`,
		"\x1b[31mred\x1b[0m \x1b]0;title\x07",
		"right-to-left \u202egnp.yek\u202c \u2066isolate\u2069",
		strings.Repeat("40000 characters ", 40000/17) + strings.Repeat("x", 40000%17),
		`{{template "x"}} ${7*7} %s %n`,
		"＝1+1",
		"'apostrophe",
		" leading and trailing ",
		"\u0085\u2028\u2029\ufeff\u200b invisible",
	}
}

// oddAAGUIDs are AAGUIDs in the forms that a reader must not stumble over; the
// first one stands for null.
var oddAAGUIDs = [...]string{
	"",
	"",
	"00000000-0000-0000-0000-000000000000",
	"FA2B99DC-9E39-4257-8F92-4A30D23C4118",
	"{de1e552d-db1d-4423-a619-566b625cdc84}",
	"0f0e0d0c-0b0a-4908-8706-050403020100",
	"n/a",
}

// hostileOf gives the hostile passkey names of user i: those of three early users,
// and of one user in five thousand.
func (t *tenant) hostileOf(i int) []string {
	third := len(t.hostile) / 3
	switch i {
	case hostileFirst:
		return t.hostile[:third]
	case hostileSecond:
		return t.hostile[third : 2*third]
	case hostileThird:
		return t.hostile[2*third:]
	}
	if i > collector && t.roll(i, aboutPasskeys)>>20%5000 == 0 {
		at := int(t.roll(i, aboutPasskeys) >> 40 % uint64(len(t.hostile)))
		return t.hostile[at : at+1]
	}
	return nil
}

// passkeyCount says how many ordinary passkeys the account has.
func (t *tenant) passkeyCount(a *account) int {
	roll := t.roll(a.index, aboutPasskeys)
	holders := uint64(410)
	switch {
	case a.index == collector:
		return 13
	case a.kind == accountEmergency:
		return 2
	case a.index <= surePilotNested && (a.index == sureAdmin || a.index == surePilot || a.index == surePilotNested):
		return 2
	case a.kind == accountGuest:
		holders = 8
	case a.kind == accountService:
		holders = 10
	case a.admin:
		holders = 950
	case !a.enabled:
		holders = 220
	}
	if !chance(roll, holders) {
		return 0
	}
	switch roll = roll >> 12 % 1000; {
	case roll < 620:
		return 1
	case roll < 880:
		return 2
	case roll < 965:
		return 3
	case roll < 997:
		return 4
	}
	return 12 + int(roll%3)
}

// passkeys appends the passkeys of user i to list, in the order in which Graph
// gives them.
func (t *tenant) passkeys(list []passkey, i int) []passkey {
	a := t.account(i)
	n := 0
	for _, name := range t.hostileOf(i) {
		k := t.passkey(&a, n)
		k.name = name
		t.makeOdd(&k, i+n)
		list = append(list, k)
		n++
	}
	for range t.passkeyCount(&a) {
		list = append(list, t.passkey(&a, n))
		n++
	}
	return list
}

// passkey works out the n-th passkey of an account.
func (t *tenant) passkey(a *account, n int) passkey {
	about := aboutPasskey + uint64(n)*8
	roll := t.roll(a.index, about)
	m := t.makers.draw(roll, a.admin)
	k := passkey{aaguid: m.aaguid, model: m.model, typ: m.typ, attestation: audit.NotAttested, method: m.method}
	k.name = (*m.labels)[roll>>16%uint64(len(*m.labels))]
	if roll>>44%3 == 0 {
		switch m.method {
		case methodKey:
			k.name = a.culture.key
		case methodAuthenticator:
			k.name = a.culture.phone
		}
	}
	binary.BigEndian.PutUint64(k.id[:8], t.roll(a.index, about+1))
	binary.BigEndian.PutUint64(k.id[8:], t.roll(a.index, about+2))

	from := since(m.from, 1)
	k.created.unix = from + int64(t.roll(a.index, about+3)%uint64(now()-from))
	if roll>>24%3 == 0 {
		k.created.ticks = 1 + int(roll>>28%9999999)
	}
	if used := t.roll(a.index, about+4); used%10 != 0 {
		k.lastUsed.unix = k.created.unix + int64(used>>8%uint64(now()-k.created.unix+1))
	}

	if attest := t.roll(a.index, about+5); m.attested && !chance(attest, 120) {
		k.attestation = audit.Attested
		k.certificate = binary.BigEndian.AppendUint64(make([]byte, 0, 20), mix(uint64(m.aaguid[0])<<8|uint64(m.aaguid[1])))
		k.certificate = binary.BigEndian.AppendUint64(k.certificate, mix(uint64(m.aaguid[2])<<8|uint64(m.aaguid[4])))
		k.certificate = append(k.certificate, m.aaguid[5:9]...)
	} else if chance(attest>>20, 30) {
		k.attestation = ""
	}
	// Registrations from before the property existed have no type.
	if k.created.unix < since(2022, 1) && roll>>52%2 == 0 {
		k.typ = ""
	}
	if odd := t.roll(a.index, about+6); chance(odd, 12) {
		t.makeOdd(&k, int(odd>>20%1000))
	}
	return k
}

// makeOdd gives a passkey one of the forms of AAGUID that are rarely met, and
// sometimes an enumeration value of the future.
func (t *tenant) makeOdd(k *passkey, which int) {
	at := which % len(oddAAGUIDs)
	k.aaguid, k.noAAGUID = oddAAGUIDs[at], at == 0
	k.attestation, k.certificate = audit.NotAttested, nil
	if at != 3 && at != 4 {
		k.model = ""
	}
	if which%9 == 4 {
		k.typ = "unknownFutureValue"
	}
}

// methodID is the passkey's id in the form that Graph uses: 16 bytes in base64url
// with the number of padding characters as its last digit.
func (k *passkey) appendID(b []byte) []byte {
	b = base64.RawURLEncoding.AppendEncode(b, k.id[:])
	return append(b, '2')
}

// public gives what a perfect reader would know of the passkey.
func (k *passkey) public() audit.Passkey {
	return audit.Passkey{
		ID: string(k.appendID(nil)), Name: k.name, AAGUID: k.aaguid, Model: k.model, Type: k.typ,
		Attestation: k.attestation, CreatedAt: k.created.time(), LastUsedAt: k.lastUsed.time(),
	}
}
