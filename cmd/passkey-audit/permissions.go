package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"passkey-audit/audit/graph"
)

// PermissionsOptions are the flags of the command permissions.
type PermissionsOptions struct {
	connectOptions
	logOptions
	format, with     string
	delegated, check bool
	timeout          time.Duration
}

// What --with chooses among the permissions.
const (
	withRequired    = "required"
	withRecommended = "recommended"
	withAll         = "all"
)

// AddFlags binds the flags.
func (o *PermissionsOptions) AddFlags(cmd *cobra.Command) {
	o.connectOptions.AddFlags(cmd)
	o.logOptions.AddFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "text, json or markdown")
	f.StringVar(&o.with, "with", withRecommended, "permissions in the ready commands: required, recommended (optional ones too) or all")
	f.BoolVar(&o.delegated, "delegated", false, "make the commands for sign-in as a person, by browser or device code")
	f.BoolVar(&o.check, "check", false, "sign in and try each permission (also on --auth, --certificate and --access-token-file)")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "take a request for lost after this time (1s to 10m)")
}

func newPermissionsCommand(w world, u *ui) *cobra.Command {
	var o PermissionsOptions
	cmd := &cobra.Command{
		Use:   "permissions",
		Short: "Say which permissions a scan needs and why, how to grant them, and whether they are there",
		Long: `Lists the permissions of Microsoft Graph that a scan uses: why each is needed,
what is lost without it, and ready commands that register an app with just
these. All of them only read.

With --check it signs in, says what the token holds, and tries each permission
with a request or two, none of which changes anything. It ends with exit status
5 if a required one is missing. A scan makes the same check before it begins.

` + exitHelp,
		Example: `  passkey-audit permissions --tenant contoso.com
  passkey-audit permissions --format markdown
  AZURE_CLIENT_SECRET=... passkey-audit permissions --check --tenant contoso.com --client-id ID`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			o.check = o.check || f.Changed("auth") || f.Changed("certificate") || f.Changed("access-token-file")
			return runPermissions(cmd.Context(), w, u, &o)
		},
	}
	o.AddFlags(cmd)
	return cmd
}

// A permissionsReport is what the command tells.
type permissionsReport struct {
	Permissions []permission      `json:"permissions"`
	Delegated   string            `json:"delegated"`
	Cloud       string            `json:"cloud"`
	Restricted  string            `json:"cloud_restricted,omitempty"`
	ConsentURL  string            `json:"admin_consent_url"`
	Commands    map[string]string `json:"commands"`
	Check       *permissionsCheck `json:"check,omitempty"`

	register appRegistration
}

// A permissionsCheck is what a sign-in was found to allow.
type permissionsCheck struct {
	Method         string   `json:"method"`
	TenantID       string   `json:"tenant_id"`
	AppID          string   `json:"app_id"`
	TokenReadable  bool     `json:"token_readable"`
	Delegated      bool     `json:"delegated"`
	Granted        []string `json:"granted"`
	DirectoryRoles []string `json:"directory_role_templates,omitempty"`
	Missing        []string `json:"missing"`
	MissingNeeded  []string `json:"missing_required"`
	CanWrite       []string `json:"can_write"`
	RoleNote       string   `json:"role_note,omitempty"`
	Trials         []trial  `json:"trials"`
}

// runPermissions prints the table, and the check if wanted.
func runPermissions(ctx context.Context, w world, u *ui, o *PermissionsOptions) (err error) {
	log, endLog, err := o.logOptions.open(u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	r, auth, err := o.report(w)
	if err != nil {
		return err
	}
	if r.Restricted != "" {
		u.warn("cloud %s: %s", r.Cloud, r.Restricted)
	}
	if o.check {
		ctx, cancel := untilStop(ctx, w.stop)
		defer cancel()
		client, hangUp, err := connect(ctx, auth, graph.Options{Timeout: o.timeout}, log)
		if err == nil {
			defer hangUp()
			r.Check, err = checkEach(ctx, client, auth)
		}
		if err != nil && ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			return err
		}
	}
	switch o.format {
	case "json":
		e := json.NewEncoder(w.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(r)
	case "markdown":
		_, err = io.WriteString(w.stdout, r.markdown())
	default:
		_, err = io.WriteString(w.stdout, r.text())
	}
	if err == nil && r.Check != nil && len(r.Check.MissingNeeded) > 0 {
		return &resultError{exitRefused}
	}
	return err
}

// report checks the flags, and gathers all that needs no sign-in.
func (o *PermissionsOptions) report(w world) (*permissionsReport, graph.AuthOptions, error) {
	var none graph.AuthOptions
	if err := oneOf("format", o.format, "text", "json", "markdown"); err != nil {
		return nil, none, err
	}
	if err := oneOf("with", o.with, withRequired, withRecommended, withAll); err != nil {
		return nil, none, err
	}
	if o.timeout < time.Second || o.timeout > 10*time.Minute {
		return nil, none, usagef("--timeout %v: choose a time from 1s to 10m", o.timeout)
	}
	c, err := o.graphCloud()
	if err != nil {
		return nil, none, err
	}
	auth, err := o.authOptions(w, c)
	if err != nil {
		return nil, none, err
	}
	a := appRegistration{cloud: c, tenant: auth.TenantID, clientID: auth.ClientID, delegated: o.delegated}
	if a.tenant != "" && !tenantPattern.MatchString(a.tenant) {
		return nil, none, usagef("--tenant %s: give the tenant's ID or one of its domains", quote(a.tenant))
	}
	for _, p := range permissions() {
		if p.Need == needRequired || o.with == withAll || o.with == withRecommended && p.Need == needOptional {
			a.names = append(a.names, p.Name)
		}
	}
	return &permissionsReport{
		Permissions: permissions(), Delegated: roleAdvice, Cloud: c.Name, Restricted: c.Restricted, ConsentURL: a.consentURL(),
		Commands: map[string]string{"azure-cli": a.azureCLI(), "powershell": a.powerShell()}, register: a,
	}, auth, nil
}

// checkEach tries each permission once.
func checkEach(ctx context.Context, client *graph.Client, auth graph.AuthOptions) (*permissionsCheck, error) {
	g, err := client.Grants(ctx)
	if err != nil {
		return nil, err
	}
	tid, err := client.TokenTenant(ctx)
	if err != nil {
		return nil, err
	}
	method, err := auth.Taken()
	if err != nil {
		return nil, err
	}
	p := &prober{client: client}
	trials := []trial{p.policy(ctx)}
	if errors.Is(trials[0].err, graph.ErrUnauthorized) {
		return nil, trials[0].err
	}
	trials = append(trials, p.list(ctx))
	trials = append(trials, p.passkeys(ctx))
	trials = append(trials, p.rest(ctx)...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &permissionsCheck{
		Method: method, TenantID: tid, AppID: g.AppID, TokenReadable: g.Known, Delegated: g.Delegated,
		Granted: append([]string{}, g.Permissions...), DirectoryRoles: g.DirectoryRoles,
		Missing: []string{}, MissingNeeded: []string{}, CanWrite: append([]string{}, writing(g.Permissions)...),
		RoleNote: roleNote(g), Trials: trials,
	}
	refused := map[string]bool{}
	for _, t := range trials {
		refused[t.Permission] = refused[t.Permission] || t.Result == trialRefused
	}
	for _, q := range permissions() {
		if refused[q.Name] {
			c.Missing = append(c.Missing, q.Name)
			if q.Need == needRequired {
				c.MissingNeeded = append(c.MissingNeeded, q.Name)
			}
		}
	}
	return c, nil
}

// markdownTable gives the table of permissions as README.md shows it.
func markdownTable() string {
	var b strings.Builder
	b.WriteString("| permission | why | without it |\n|---|---|---|\n")
	for _, p := range permissions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Why, p.Without)
	}
	return b.String()
}

func (r *permissionsReport) markdown() string {
	var b strings.Builder
	b.WriteString("# Permissions of Microsoft Graph for passkey-audit\n\nAll of them only read. The first three are required.\n\n")
	b.WriteString(markdownTable())
	b.WriteString("\n| permission | app role | wider ones that serve too |\n|---|---|---|\n")
	for _, p := range r.Permissions {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", p.Name, p.AppRoleID, strings.Join(p.Wider, ", "))
	}
	fmt.Fprintf(&b, "\n%s\n\nAdmin consent: <%s>\n", r.Delegated, r.ConsentURL)
	fmt.Fprintf(&b, "\n## Azure CLI\n\n```sh\n%s```\n\n## Microsoft Graph PowerShell\n\n```powershell\n%s```\n", r.Commands["azure-cli"], r.Commands["powershell"])
	if r.Check != nil {
		b.WriteString("\n## Check\n\n| permission | request | result |\n|---|---|---|\n")
		for _, t := range r.Check.Trials {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", t.Permission, t.Path, strings.ReplaceAll(harmless(t.words()), "|", "\\|"))
		}
		for _, line := range r.Check.lines() {
			fmt.Fprintf(&b, "\n%s\n", harmless(line))
		}
	}
	return b.String()
}

func (r *permissionsReport) text() string {
	var b strings.Builder
	b.WriteString("Permissions of Microsoft Graph for passkey-audit; all of them only read\n")
	for _, p := range r.Permissions {
		need := map[string]string{needRequired: "required", needOptional: "optional", needSpecial: "for groups with hidden members"}[p.Need]
		fmt.Fprintf(&b, "\n%s (%s)\n", p.Name, need)
		b.WriteString(field("for", p.Why))
		b.WriteString(field("without", p.Without))
		if len(p.Wider) > 0 {
			b.WriteString(field("or", strings.Join(p.Wider, ", ")))
		}
		b.WriteString(field("app role", p.AppRoleID))
	}
	b.WriteString("\n" + wrapped("", r.Delegated))
	fmt.Fprintf(&b, "\nAdmin consent\n  %s\n", r.ConsentURL)
	fmt.Fprintf(&b, "\nRegister an app with these permissions: Azure CLI\n%s", indented(r.Commands["azure-cli"]))
	fmt.Fprintf(&b, "\nThe same with Microsoft Graph PowerShell\n%s", indented(r.Commands["powershell"]))
	if r.Check == nil {
		b.WriteString("\nTo try what a sign-in can do: passkey-audit permissions --check\n")
		return b.String()
	}
	b.WriteString("\nCheck\n")
	for _, t := range r.Check.Trials {
		fmt.Fprintf(&b, "  %-33s %s\n", t.Permission, harmless(t.words()))
		fmt.Fprintf(&b, "  %-33s   %s\n", "", t.Path)
	}
	for _, line := range r.Check.lines() {
		b.WriteString("\n" + wrapped("", harmless(line)))
	}
	return b.String()
}

// words says what came of a trial.
func (t trial) words() string {
	if t.Result == trialOK || t.Result == trialNotNeeded {
		return t.Result
	}
	return t.Result + ": " + statusWords(t)
}

// lines says what the check found, in sentences.
func (c *permissionsCheck) lines() []string {
	who := "an app"
	if c.Delegated {
		who = "a person"
	}
	out := []string{fmt.Sprintf("Signed in by %s to tenant %s as %s (app %s).", c.Method, orElse(c.TenantID, "not known"), who, orElse(c.AppID, "not known"))}
	switch {
	case !c.TokenReadable:
		out = append(out, "The token does not say what it holds; the trials above do.")
	case len(c.Granted) == 0:
		out = append(out, "The token holds no permission.")
	default:
		out = append(out, "The token holds: "+strings.Join(c.Granted, ", ")+".")
	}
	if len(c.CanWrite) > 0 {
		out = append(out, "Warning: "+writingWords(c.CanWrite)+".")
	}
	if c.RoleNote != "" {
		out = append(out, strings.ToUpper(c.RoleNote[:1])+c.RoleNote[1:]+".")
	}
	switch {
	case len(c.MissingNeeded) > 0:
		out = append(out, "Missing, and no scan is possible without: "+strings.Join(c.MissingNeeded, ", ")+".")
	case len(c.Missing) > 0:
		out = append(out, "Missing, and a scan goes without: "+strings.Join(c.Missing, ", ")+".")
	default:
		out = append(out, "Nothing that was tried is missing.")
	}
	return out
}

// textWidth is how wide the text may be.
const textWidth = 80

// field gives a named text, wrapped.
func field(name, text string) string {
	const indent = 12
	body := wrapped(strings.Repeat(" ", indent), strings.ReplaceAll(text, "`", ""))
	return fmt.Sprintf("  %-*s", indent-2, name) + body[indent:]
}

// wrapped breaks a text between words into lines that begin with the indent.
func wrapped(indent, text string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > textWidth {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
