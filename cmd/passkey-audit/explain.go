package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// explain prints one user's passkeys with every profile's answer, under the
// policy as it is and under the report's own proposal.
func explain(ctx context.Context, out io.Writer, j *judgement, names *aaguid.Catalogue, who string) error {
	rec, ok, err := findUser(ctx, j.reader, who)
	if err != nil {
		return err
	}
	if !ok {
		return usagef("--explain %s: the snapshot lists nobody with this user principal name or ID", quote(who))
	}
	return explainUser(out, j, names, &rec)
}

// findUser finds a user by user principal name, else by ID.
func findUser(ctx context.Context, r *snapshot.Reader, who string) (snapshot.Record, bool, error) {
	rec, ok, err := r.UserNamed(ctx, who)
	if err == nil && !ok {
		rec, ok, err = r.User(ctx, strings.ToLower(who))
	}
	return rec, ok, err
}

func explainUser(out io.Writer, j *judgement, names *aaguid.Catalogue, rec *snapshot.Record) error {
	j.mask.record(rec)
	p := &explainer{out: out, j: j, names: names, rec: rec}
	p.person()
	for i := range rec.Passkeys {
		p.passkey(&rec.Passkeys[i])
	}
	if p.err != nil {
		return fmt.Errorf("write the explanation: %w", p.err)
	}
	if rec.Outcome.Unread() {
		return &resultError{exitPartial}
	}
	return nil
}

// An explainer writes an explanation. It keeps the first error.
type explainer struct {
	out   io.Writer
	j     *judgement
	names *aaguid.Catalogue
	rec   *snapshot.Record
	err   error
}

// line writes a line, in which tenant text stays harmless.
func (p *explainer) line(indent int, format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, strings.Repeat("  ", indent)+harmless(fmt.Sprintf(format, args...)))
	}
}

func (p *explainer) person() {
	u := &p.rec.User
	name := u.UPN
	if u.DisplayName != "" {
		name = short(u.DisplayName) + " (" + u.UPN + ")"
	}
	p.line(0, "%s", name)
	enabled, admin := "account enabled", "administrator"
	switch u.Enabled {
	case audit.No:
		enabled = "account disabled"
	case audit.Unknown:
		enabled = "not known whether the account is enabled"
	}
	switch u.Admin {
	case audit.No:
		admin = "no administrator"
	case audit.Unknown:
		admin = "not known whether an administrator"
	}
	p.line(1, "%s, %s, %s, ID %s", orWord(u.Type, "user type not known"), enabled, admin, u.ID)
	switch {
	case p.rec.Outcome.Unread():
		p.line(1, "The passkeys could not be read (%s): nothing is known of them. See unread.csv.", p.rec.Outcome)
	case p.rec.Outcome != audit.OutcomeRead:
		p.line(1, "The passkeys were not read (%s).", p.rec.Outcome)
	default:
		p.line(1, "%s", report.Plural(len(p.rec.Passkeys), "passkey", "passkeys"))
	}
}

// short cuts a name that would fill the screen.
func short(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

func (p *explainer) passkey(k *audit.Passkey) {
	a := audit.Authenticator{}
	if id, err := audit.ParseAAGUID(k.AAGUID); err == nil {
		a, _ = p.names.Lookup(id)
	}
	p.line(0, "")
	p.line(0, "Passkey %s", quote(short(k.Name)))
	p.line(1, "%s, AAGUID %s, model %s", orWord(a.Name, "authenticator that no source names"), orWord(short(k.AAGUID), "not sent"), orWord(short(k.Model), "not sent"))
	created := "not known"
	if !k.CreatedAt.IsZero() {
		created = k.CreatedAt.Format("2006-01-02")
	}
	used := ""
	if !k.LastUsedAt.IsZero() {
		used = ", last used " + k.LastUsedAt.Format("2006-01-02")
	}
	p.line(1, "type %s, attestation %s, registered %s%s, ID %s", orWord(string(k.Type), "not known"), orWord(string(k.Attestation), "not known"), created, used, k.ID)
	p.policy("The policy as it is", p.j.now, k)
	for _, c := range p.j.proposals {
		p.policy("The proposal "+quote(c.Name), c.then, k)
	}
}

// policy writes what one policy says of a passkey.
func (p *explainer) policy(title string, e *policy.Evaluator, k *audit.Passkey) {
	x := e.Scope(p.rec.ID, p.rec.MemberOf).Explain(k)
	p.line(1, "%s: %s (%s, decided by %s)", title, strings.ToUpper(string(x.Verdict.Decision)), x.Verdict.Code, x.Verdict.DecidedBy)
	p.line(2, "%s.", upperFirst(x.Verdict.Reason))
	if x.Remedy != "" && !strings.Contains(x.Verdict.Reason, ": "+x.Remedy) {
		p.line(2, "To let it pass: %s.", x.Remedy)
	}
	for _, w := range x.Excluded {
		p.line(2, "excluded %s", wayWords(w))
	}
	if x.Settled {
		p.line(2, "The profiles do not matter here; their own answers would be:")
	}
	for i := range x.Profiles {
		p.profile(&x.Profiles[i])
	}
	for _, a := range policy.Assumptions() {
		if x.Verdict.Assumes.Has(a) {
			p.line(2, "assumed: %s", policy.Describe(a))
		}
	}
}

func (p *explainer) profile(a *policy.ProfileAnswer) {
	name := quote(a.Name)
	if a.ID == "" {
		name = "the " + a.Name
	}
	if a.Default {
		name += " (default profile)"
	}
	reach := "reaches this person"
	switch a.Reaches {
	case audit.No:
		reach = "does not reach this person"
	case audit.Unknown:
		reach = "may reach this person"
	}
	p.line(2, "%s: %s; %s", name, reach, a.Decision)
	p.line(3, "%s", a.Reason)
	for _, w := range a.Ways {
		p.line(3, "through %s", wayWords(w))
	}
	if a.Decision == audit.Allowed {
		words := map[audit.Ternary]string{audit.Yes: "could be registered again", audit.No: "could not be registered again: attestation is enforced", audit.Unknown: "not known whether it could be registered again"}
		p.line(3, "%s", words[a.Registrable])
	}
}

func wayWords(w policy.Way) string {
	s := w.Label
	switch w.Member {
	case audit.Yes:
		s += ": holds this person"
		switch w.Nested {
		case audit.Yes:
			s += ", through a nested group"
		case audit.Unknown:
			s += ", not known whether directly or through a nested group"
		}
	case audit.No:
		s += ": does not hold this person"
	default:
		s += ": not known whether it holds this person"
		if w.Open != "" {
			s += ", " + w.Open
		}
	}
	if w.ByDefault {
		s += " (names no profile: the default one is assumed)"
	}
	return s
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
