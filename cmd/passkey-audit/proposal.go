package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
)

// proposalOptions say which policy the passkeys are judged by.
type proposalOptions struct {
	proposed     string
	allow, block []string
}

// AddFlags binds the flags.
func (o *proposalOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.proposed, "proposed", policy.PresetAuto, "policy to judge by: auto, live, enforced, authenticator-only, or a `FILE` with a JSON body as for PATCH")
	f.StringArrayVar(&o.allow, "allow", nil, "allow this `AAGUID` or authenticator name on top of the proposal (repeatable)")
	f.StringArrayVar(&o.block, "block", nil, "block this `AAGUID` or authenticator name on top of the proposal (repeatable)")
}

// spec reads and checks everything that can be checked without the live policy.
func (o *proposalOptions) spec(u *ui, names *aaguid.Catalogue) (policy.Spec, error) {
	s := policy.Spec{Names: nameOf(names)}
	if slices.Contains(policy.Presets(), o.proposed) {
		s.Preset = o.proposed
	} else {
		body, err := os.ReadFile(o.proposed)
		if err != nil {
			return s, usagef("--proposed %s: neither one of %s nor a file that can be read: %v", quote(o.proposed), strings.Join(policy.Presets(), ", "), err)
		}
		s.Body, s.Source = body, o.proposed
	}
	var err error
	if s.Allow, err = findAAGUIDs(u, "allow", o.allow, names); err != nil {
		return s, err
	}
	if s.Block, err = findAAGUIDs(u, "block", o.block, names); err != nil {
		return s, err
	}
	return s, policy.Check(s)
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
