package report

import (
	"testing"

	"passkey-audit/audit"
)

func TestListsSay(t *testing.T) {
	const a, b = "2fc0579f-8113-47ea-b116-bb5a8db9202a", "90a3ccdf-635c-4729-a248-9b709135078f"
	id, err := audit.ParseAAGUID(a)
	if err != nil {
		t.Fatal(err)
	}
	key, none := modelKey{aaguid: id}, modelKey{none: true}
	list := func(enforced audit.Ternary, kind string, ids ...string) audit.KeyRestrictions {
		return audit.KeyRestrictions{Enforced: enforced, Type: kind, AAGUIDs: ids}
	}
	legacy := func(r audit.KeyRestrictions) audit.Policy { return audit.Policy{State: "enabled", KeyRestrictions: r} }
	profiles := func(p, q audit.KeyRestrictions, targets ...audit.Target) audit.Policy {
		return audit.Policy{State: "enabled", DefaultProfile: "p", Include: targets, Profiles: []audit.Profile{{ID: "p", KeyRestrictions: p}, {ID: "q", KeyRestrictions: q}}}
	}
	everyone := func(ids ...string) audit.Target { return audit.Target{ID: audit.AllUsers, Profiles: ids} }
	group := func(ids ...string) audit.Target { return audit.Target{ID: "g", Profiles: ids} }
	open, yes, no := list(audit.No, "allow", b), list(audit.Yes, "allow", a), list(audit.Yes, "allow", b)
	odd := list(audit.Yes, "maybe", a)
	tests := []struct {
		name   string
		policy audit.Policy
		key    modelKey
		want   string
	}{
		{"switched off", audit.Policy{State: "Disabled"}, key, listsBlock},
		{"not enforced", legacy(open), key, listsAllow},
		{"enforcement not set", legacy(list(audit.Unknown, "allow", b)), key, listsAllow},
		{"on the allow list, upper case", legacy(list(audit.Yes, "Allow", "{2FC0579F-8113-47EA-B116-BB5A8DB9202A}")), key, listsAllow},
		{"not on the allow list", legacy(no), key, listsBlock},
		{"on the block list", legacy(list(audit.Yes, "block", a)), key, listsBlock},
		{"not on the block list", legacy(list(audit.Yes, "block", b, "no guid")), key, listsAllow},
		{"a kind that nobody knows", legacy(odd), key, listsUnknown},
		{"no AAGUID, allow list", legacy(yes), none, listsUnknown},
		{"no AAGUID, empty allow list", legacy(list(audit.Yes, "allow")), none, listsBlock},
		{"no AAGUID, empty block list", legacy(list(audit.Yes, "block")), none, listsAllow},
		{"either profile will do", profiles(no, yes, everyone("p", "Q")), key, listsAllow},
		{"for everybody, whatever a group has", profiles(yes, no, everyone("p"), group("q")), key, listsAllow},
		{"for a group alone", profiles(no, yes, everyone("p"), group("q")), key, listsForSome},
		{"for nobody", profiles(no, no, everyone("p"), group("q")), key, listsBlock},
		{"the default profile serves", profiles(yes, no, everyone()), key, listsAllow},
		{"no targets", profiles(no, yes), key, listsForSome},
		{"a profile that is not there", profiles(no, no, everyone("p", "r")), key, listsUnknown},
		{"blocked or not known", profiles(no, odd, everyone("p"), group("q")), key, listsUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := listsSay(&test.policy, test.key); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
