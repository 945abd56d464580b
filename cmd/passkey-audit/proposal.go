package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
)

// proposalOptions say which policies the passkeys are judged by.
type proposalOptions struct {
	proposed     []string
	allow, block []string
}

// AddFlags binds the flags.
func (o *proposalOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.proposed, "proposed", []string{policy.PresetAuto}, "policy to judge by: auto, live, enforced, authenticator-only, or a `FILE` with a JSON body as for PATCH; as NAME=VALUE under a name of yours (repeatable: the first fills the tables, all are compared)")
	f.StringArrayVar(&o.allow, "allow", nil, "allow this `AAGUID` or authenticator name (a vendor, or with *) on top of each proposal (repeatable)")
	f.StringArrayVar(&o.block, "block", nil, "block this `AAGUID` or authenticator name (a vendor, or with *) on top of each proposal (repeatable)")
}

// specs reads and checks everything that can be checked without the live
// policy. There is at least one, and no name is there twice.
func (o *proposalOptions) specs(u *ui, names *aaguid.Catalogue) ([]policy.Spec, error) {
	allow, err := findAAGUIDs(u, "allow", o.allow, names)
	if err != nil {
		return nil, err
	}
	block, err := findAAGUIDs(u, "block", o.block, names)
	if err != nil {
		return nil, err
	}
	var out []policy.Spec
	named := map[string]bool{}
	for _, value := range o.proposed {
		s, err := readProposal(value)
		if err != nil {
			return nil, err
		}
		if s.Name != "" && named[s.Name] {
			return nil, usagef("--proposed %s: two proposals are called %s", quote(value), quote(s.Name))
		}
		named[s.Name] = true
		s.Allow, s.Block, s.Names = allow, block, nameOf(names)
		if err := policy.Check(s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, usagef("--proposed needs a value: one of %s, or a file", strings.Join(policy.Presets(), ", "))
	}
	return out, nil
}

// readProposal reads a value of --proposed. A name before = goes with a preset
// or a file that can be read; a file may have = in its name.
func readProposal(value string) (policy.Spec, error) {
	name, rest, named := strings.Cut(value, "=")
	if slices.Contains(policy.Presets(), value) {
		return policy.Spec{Preset: value}, nil
	}
	body, err := os.ReadFile(value)
	if err == nil {
		return policy.Spec{Body: body, Source: value}, nil
	}
	if !named {
		return policy.Spec{}, usagef("--proposed %s: neither one of %s nor a file that can be read: %v", quote(value), strings.Join(policy.Presets(), ", "), bare(err))
	}
	if name = strings.TrimSpace(name); name == "" {
		return policy.Spec{}, usagef("--proposed %s: give a name before the =", quote(value))
	}
	if slices.Contains(policy.Presets(), rest) {
		return policy.Spec{Name: name, Preset: rest}, nil
	}
	if body, err = os.ReadFile(rest); err != nil {
		return policy.Spec{}, usagef("--proposed %s: %s is neither one of %s nor a file that can be read: %v", quote(value), quote(rest), strings.Join(policy.Presets(), ", "), bare(err))
	}
	return policy.Spec{Name: name, Body: body, Source: rest}, nil
}

// propose lays every proposal over the live policy. Where two come out under one
// name, such as auto beside what it stands for, the later ones are numbered.
func propose(live audit.Policy, specs []policy.Spec) ([]policy.Proposal, error) {
	var out []policy.Proposal
	seen := map[string]bool{}
	for _, s := range specs {
		p, err := policy.Propose(live, s)
		if err != nil {
			return nil, usagef("%v", err)
		}
		name := p.Name
		for n := 2; seen[p.Name]; n++ {
			p.Name = fmt.Sprintf("%s (%d)", name, n)
		}
		seen[p.Name] = true
		out = append(out, p)
	}
	return out, nil
}

// findAAGUIDs turns AAGUIDs and names of authenticators into AAGUIDs, and says
// what a name stands for.
func findAAGUIDs(u *ui, flag string, texts []string, names *aaguid.Catalogue) ([]audit.AAGUID, error) {
	var out []audit.AAGUID
	for _, text := range texts {
		if a, err := audit.ParseAAGUID(text); err == nil {
			out = append(out, a)
			continue
		}
		found := names.Match(text)
		if len(found) == 0 {
			return nil, usagef("--%s %s: neither an AAGUID nor the name of a known authenticator: look it up with passkey-audit aaguids", flag, quote(text))
		}
		for _, a := range found {
			u.say("--%s %s: %s %s", flag, quote(text), a.AAGUID, a.Name)
			out = append(out, a.AAGUID)
		}
	}
	return out, nil
}
