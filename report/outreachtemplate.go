package report

import (
	"cmp"
	_ "embed" // for the words that serve where the user gives none
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
	"unicode/utf8"

	"passkey-audit/audit"
)

//go:embed outreach.tmpl
var outreachText string

// OutreachText gives the words of outreach.csv that serve where the user gives
// none, with a comment that says how to write others.
func OutreachText() string { return outreachText }

// An OutreachTemplate writes the words of outreach.csv: the subject and the
// message to a person who must act. It may be used by several reports at a
// time.
type OutreachTemplate struct{ subject, message *template.Template }

// Limits of a template's file and of what it writes for one person, in bytes.
// A spreadsheet's cell takes 32,767 characters.
const (
	outreachFileLimit = 256 << 10
	outreachLimit     = 16 << 10
)

// Names of a template's parts.
const (
	partSubject = "subject"
	partMessage = "message"
)

// An OutreachPerson is what a template may name; outreach.tmpl says what each
// field means.
type OutreachPerson struct {
	Name, DisplayName, UserPrincipalName, UserType string
	Tenant, Proposal                               string
	Priority                                       int
	LosesLast, Administrator, Disabled             bool
	Breaks, Undecided, StillWorks                  []string
	Instead                                        string
	Registrable, UnknownDecisive                   bool
}

// ParseOutreach reads a template of the words of outreach.csv; name is what
// errors call it, such as the file's name. An error names the line. A template
// that names a field which there is not is refused here, and not after the
// tenant was read.
func ParseOutreach(r io.Reader, name string) (*OutreachTemplate, error) {
	text, err := io.ReadAll(io.LimitReader(r, outreachFileLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read outreach template: %w", err)
	}
	if len(text) > outreachFileLimit {
		return nil, fmt.Errorf("parse outreach template: %s has more than %d bytes", name, outreachFileLimit)
	}
	t, err := parseOutreach(strings.TrimPrefix(string(text), "\uFEFF"), name)
	if err != nil {
		return nil, fmt.Errorf("parse outreach template: %w", err)
	}
	return t, nil
}

func parseOutreach(text, name string) (*OutreachTemplate, error) {
	// The functions that come with text/template read and write nothing.
	all, err := template.New(name).Funcs(template.FuncMap{"join": strings.Join}).Parse(text)
	if err != nil {
		return nil, err
	}
	t := &OutreachTemplate{subject: all.Lookup(partSubject), message: all.Lookup(partMessage)}
	switch {
	case t.message == nil && t.subject != nil:
		return nil, fmt.Errorf("%s has a part %q and no part %q", name, partSubject, partMessage)
	case t.message == nil && (all.Tree == nil || parse.IsEmptyTree(all.Root)):
		return nil, fmt.Errorf("%s says nothing", name)
	case t.message == nil:
		t.message = all
	}
	if t.subject == nil {
		own, err := parseOutreach(outreachText, "outreach.tmpl")
		if err != nil {
			return nil, err
		}
		t.subject = own.subject
	}
	for _, p := range outreachSamples() {
		if _, _, err := t.write(&p); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// outreachSamples are people of each kind, so that trying a template on them
// takes most of its ways.
func outreachSamples() []OutreachPerson {
	one := OutreachPerson{
		Name: "Adele Vance", DisplayName: "Adele Vance", UserPrincipalName: "adele.vance@contoso.com", UserType: "Member",
		Tenant: "Contoso", Proposal: "enforced", Priority: 1, LosesLast: true, Administrator: true,
		Breaks: []string{"YubiKey 5 Series with NFC"}, Instead: "Microsoft Authenticator for iOS", Registrable: true,
	}
	two := one
	two.Priority, two.LosesLast, two.Administrator = 5, false, false
	two.Breaks, two.StillWorks = []string{"one", "two"}, []string{"three"}
	three := one
	three.Priority, three.Disabled, three.Breaks, three.Undecided = 3, true, nil, []string{"four"}
	three.Instead, three.Registrable, three.UnknownDecisive = "to be settled first", false, true
	return []OutreachPerson{one, two, three, {Priority: 6}}
}

// write gives the subject and the message for a person, each as one line.
func (t *OutreachTemplate) write(p *OutreachPerson) (subject, message string, err error) {
	if subject, err = oneLine(t.subject, p); err != nil {
		return "", "", err
	}
	message, err = oneLine(t.message, p)
	return subject, message, err
}

// oneLine executes a template. What it writes becomes one line of plain text,
// whatever the names in it hold: white space is folded, and characters that
// are no text, or that change the direction of others, become U+FFFD.
func oneLine(t *template.Template, p *OutreachPerson) (string, error) {
	w := limitedText{room: outreachLimit}
	if err := t.Execute(&w, p); err != nil {
		return "", err
	}
	return fold(w.String()), nil
}

// fold makes one line of a text.
func fold(s string) string {
	out := make([]byte, 0, len(s))
	gap := false
	add := func(text string) {
		if gap {
			out, gap = append(out, ' '), false
		}
		out = append(out, text...)
	}
	for i := 0; i < len(s); {
		from := i
		for i < len(s) && s[i] > ' ' && s[i] <= '~' {
			i++
		}
		if i > from {
			add(s[from:i])
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case unicode.IsSpace(r):
			gap = len(out) > 0
		case r == utf8.RuneError || !unicode.IsPrint(r):
			add("\uFFFD")
		default:
			add(s[from:i])
		}
	}
	return string(out)
}

// limitedText is a text up to a length.
type limitedText struct {
	strings.Builder
	room int
}

func (l *limitedText) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, fmt.Errorf("the text for one person has more than %d bytes", outreachLimit)
	}
	return l.Builder.Write(p)
}

// words gives the subject and the message for a person who must act.
func (t *OutreachTemplate) words(o *outreach) (subject, message string, err error) {
	p := OutreachPerson{
		Name: o.DisplayName, DisplayName: o.DisplayName, UserPrincipalName: o.UPN, UserType: o.Type,
		Tenant: o.tenant, Proposal: o.proposal, Priority: o.priority,
		LosesLast: o.Risk == audit.RiskLosesLastPasskey, Administrator: o.Admin == audit.Yes, Disabled: o.Enabled == audit.No,
		Breaks: o.breaks, Undecided: o.undecided, StillWorks: o.works,
		Instead: o.instead, Registrable: o.registrable, UnknownDecisive: len(o.breaks) == 0,
	}
	if strings.TrimSpace(p.Name) == "" {
		p.Name = o.UPN
	}
	if subject, message, err = t.write(&p); err != nil {
		return "", "", fmt.Errorf("write outreach for user %s: %w", o.ID, err)
	}
	return subject, message, nil
}

// tenantName gives the name of the tenant under work, else its domain; nothing
// for the id of another one.
func (b *builder) tenantName(id string) string {
	t := &b.source.Tenant
	if !strings.EqualFold(t.ID, id) {
		return ""
	}
	return cmp.Or(t.Name, t.Domain)
}

// outreachTemplate gives the template of the input, else the report's own.
func outreachTemplate(in *Input) (*OutreachTemplate, error) {
	if in.Outreach == nil {
		return parseOutreach(outreachText, "outreach.tmpl")
	}
	if in.Outreach.subject == nil || in.Outreach.message == nil {
		return nil, errors.New("the outreach template was not made by ParseOutreach")
	}
	return in.Outreach, nil
}
