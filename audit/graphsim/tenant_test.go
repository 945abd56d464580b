package graphsim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
)

func TestIDsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newIDs(rapid.Uint64().Draw(t, "seed"))
		kind := objectKind(rapid.Uint64Range(1, 4).Draw(t, "kind"))
		index := rapid.IntRange(0, 1<<30-1).Draw(t, "index")
		text := c.seal(kind, index).String()
		g, ok := parseGUID(strings.ToUpper(text))
		if !ok || text[14] != '4' || !strings.ContainsRune("89ab", rune(text[19])) {
			t.Fatalf("%s is no GUID of version 4", text)
		}
		gotKind, got, ok := c.open(g)
		if !ok || gotKind != kind || got != index {
			t.Fatalf("open(seal(%d, %d)) = %d, %d, %v", kind, index, gotKind, got, ok)
		}
		g.lo ^= 1 << rapid.UintRange(0, 61).Draw(t, "bit")
		if _, _, ok := c.open(g); ok {
			t.Fatalf("a changed id %s is accepted", g)
		}
	})
}

func TestPermutationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1<<20).Draw(t, "n")
		p := newPermutation(n, rapid.Uint64().Draw(t, "seed"))
		x := rapid.IntRange(0, n-1).Draw(t, "x")
		if y := p.forth(x); y < 0 || y >= n || p.back(y) != x {
			t.Fatalf("back(forth(%d)) = %d by way of %d of %d", x, p.back(y), y, n)
		}
	})
}

// TestUsersAreDistinct also finds each user by both of its names.
func TestUsersAreDistinct(t *testing.T) {
	s := New(Options{Users: 30_000, Seed: 3})
	upns, ids := make(map[string]bool), make(map[string]bool)
	var list []string
	for i := range s.Users() {
		u := s.User(i)
		if upns[u.UPN] || ids[u.ID] {
			t.Fatalf("user %d: %s or %s is taken", i, u.UPN, u.ID)
		}
		upns[u.UPN], ids[u.ID] = true, true
		list = append(list, u.UPN)
		for _, key := range []string{u.UPN, strings.ToUpper(u.UPN), u.ID, strings.ToUpper(u.ID)} {
			if got, ok := s.Find(key); !ok || got != i {
				t.Fatalf("Find(%q) = %d, %v; want %d", key, got, ok, i)
			}
		}
		for _, r := range u.UPN {
			if r > unicode.MaxASCII || r == '"' || r == '\\' || r < ' ' {
				t.Fatalf("%q is not plain ASCII", u.UPN)
			}
		}
	}
	if slices.IsSorted(list) {
		t.Error("users are listed in the order of their names")
	}
	for _, key := range []string{"", "nobody@contoso.com", "svc-backup-0@contoso.onmicrosoft.com", "anna.ashgrove99999999999999999999@contoso.com", list[3] + "x"} {
		if i, ok := s.Find(key); ok {
			t.Errorf("Find(%q) = %d; there is no such user", key, i)
		}
	}
}

func TestGivenNamesAreDistinct(t *testing.T) {
	seen := make(map[string]string)
	for _, c := range cultures() {
		family := make(map[string]bool)
		for _, n := range c.given {
			if other := seen[n.ascii]; other != "" {
				t.Errorf("%s is in %s and in %s", n.ascii, other, c.language)
			}
			seen[n.ascii] = c.language
		}
		for _, n := range c.family {
			if family[n.ascii] {
				t.Errorf("%s is twice in %s", n.ascii, c.language)
			}
			family[n.ascii] = true
			if strings.ContainsAny(n.ascii, ".0123456789") {
				t.Errorf("%s would not be read back from a user principal name", n.ascii)
			}
		}
	}
}

func TestSameSeedSameTenant(t *testing.T) {
	type all struct {
		User     audit.User
		Passkeys []audit.Passkey
	}
	read := func(seed uint64) (list []all) {
		s := New(Options{Users: 500, Seed: seed})
		for i := range s.Users() {
			list = append(list, all{s.User(i), s.Passkeys(i)})
		}
		return list
	}
	first := read(42)
	if diff := cmp.Diff(first, read(42)); diff != "" {
		t.Errorf("the same seed gives another tenant:\n%s", diff)
	}
	if cmp.Equal(first, read(43)) {
		t.Error("another seed gives the same tenant")
	}
}

// TestGrowth: a larger tenant with the same seed begins with the same users.
func TestGrowth(t *testing.T) {
	small, large := New(Options{Users: 50, Seed: 9}), New(Options{Users: 1 << 30, Seed: 9})
	for i := range small.Users() {
		if diff := cmp.Diff(small.User(i), large.User(i)); diff != "" {
			t.Errorf("user %d differs:\n%s", i, diff)
		}
		if diff := cmp.Diff(small.Passkeys(i), large.Passkeys(i)); diff != "" {
			t.Errorf("passkeys of user %d differ:\n%s", i, diff)
		}
	}
	if got := large.User(1<<30 - 1); got.UPN == "" {
		t.Error("the last user of a huge tenant has no name")
	}
}

func TestPlausible(t *testing.T) {
	for _, users := range []int{50, 1_000, 50_000} {
		s := New(Options{Users: users, Seed: 1})
		var members, holders, guests, disabled, admins, passkeys, outside, authenticators int
		scripts := make(map[string]bool)
		listed := []string{authenticatorIOS, authenticatorAndroid, yubiKey5NFC, yubiKey5NFCNewer}
		for i := range users {
			u, keys := s.User(i), s.Passkeys(i)
			count(&guests, u.Type == "Guest")
			count(&members, u.Type == "Member")
			count(&disabled, u.Enabled == audit.No)
			count(&admins, u.Admin == audit.Yes)
			count(&holders, len(keys) > 0)
			for _, k := range keys {
				passkeys++
				count(&outside, !slices.Contains(listed, strings.Trim(strings.ToLower(k.AAGUID), "{}")))
				count(&authenticators, k.AAGUID == authenticatorIOS || k.AAGUID == authenticatorAndroid)
				if !k.CreatedAt.After(time.Date(2018, 12, 31, 0, 0, 0, 0, time.UTC)) || k.CreatedAt.Unix() > now() ||
					!k.LastUsedAt.IsZero() && k.LastUsedAt.Before(k.CreatedAt.Truncate(time.Second)) {
					t.Errorf("passkey %s created %s, used %s", k.ID, k.CreatedAt, k.LastUsedAt)
				}
			}
			for name, script := range map[string]*unicode.RangeTable{
				"Latin": unicode.Latin, "Cyrillic": unicode.Cyrillic, "Greek": unicode.Greek, "Arabic": unicode.Arabic, "Hebrew": unicode.Hebrew,
				"Han": unicode.Han, "Hangul": unicode.Hangul, "Thai": unicode.Thai, "Kana": unicode.Katakana,
			} {
				if strings.ContainsFunc(u.DisplayName, func(r rune) bool { return unicode.Is(script, r) }) {
					scripts[name] = true
				}
			}
		}
		within := func(what string, n, of int, low, high float64) {
			if share := float64(n) / float64(of); share < low || share > high {
				t.Errorf("%d users: %s are %d of %d; want %v to %v", users, what, n, of, low, high)
			}
		}
		if users < 1000 {
			within("holders", holders, members, 0.2, 0.7)
			within("admins", admins, users, 0.02, 0.15)
			continue
		}
		within("guests", guests, users, 0.04, 0.08)
		within("disabled", disabled, users, 0.06, 0.1)
		within("administrators", admins, users, 0.01, 0.025)
		within("holders", holders, members, 0.34, 0.44)
		within("Microsoft Authenticator", authenticators, passkeys, 0.5, 0.7)
		within("passkeys outside of the prepared list", outside, passkeys, 0.05, 0.3)
		if len(scripts) < 8 {
			t.Errorf("%d users: names in %d scripts only: %v", users, len(scripts), scripts)
		}
	}
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

// TestFiftyUsersHoldEverything: what tests and demos look for is also there in a
// small tenant.
func TestFiftyUsersHoldEverything(t *testing.T) {
	s := New(Options{Users: 50, Seed: 77})
	names, aaguids, types, levels := make(map[string]bool), make(map[string]bool), make(map[audit.PasskeyType]bool), make(map[audit.AttestationLevel]bool)
	most := 0
	for i := range s.Users() {
		keys := s.Passkeys(i)
		most = max(most, len(keys))
		ids := make(map[string]bool)
		for _, k := range keys {
			if ids[k.ID] {
				t.Errorf("user %d has passkey %s twice", i, k.ID)
			}
			ids[k.ID], names[k.Name], aaguids[k.AAGUID], types[k.Type], levels[k.Attestation] = true, true, true, true, true
		}
	}
	for _, name := range hostileNames() {
		if !names[name] {
			t.Errorf("no passkey is called %.60q", name)
		}
	}
	for _, aaguid := range oddAAGUIDs {
		if !aaguids[aaguid] {
			t.Errorf("no passkey has the AAGUID %q", aaguid)
		}
	}
	if most < 12 {
		t.Errorf("nobody has more than %d passkeys", most)
	}
	if !types["unknownFutureValue"] || !types[audit.DeviceBound] || !types[audit.Synced] || !levels[audit.Attested] || !levels[audit.NotAttested] {
		t.Errorf("got types %v, attestation levels %v", types, levels)
	}
	if !slices.ContainsFunc(hostileNames(), func(n string) bool { return len(n) == 40000 }) {
		t.Error("no name is 40,000 characters long")
	}
	if u := s.User(hostileThird); u.DisplayName != hostileDisplayName {
		t.Errorf("user %d is called %q", hostileThird, u.DisplayName)
	}
	for g, group := range s.Groups() {
		n := 0
		for i := range s.Users() {
			count(&n, s.Member(g, i))
		}
		if n == 0 {
			t.Errorf("group %s is empty", group.Name)
		}
	}
}

// TestMakers holds the AAGUIDs against the published names.
func TestMakers(t *testing.T) {
	for _, m := range newMakers().list {
		a, err := audit.ParseAAGUID(m.aaguid)
		if err != nil || a.String() != m.aaguid {
			t.Errorf("%s: %q: %v", m.model, m.aaguid, err)
		}
	}
	if authenticatorAndroid != audit.AuthenticatorAndroid.String() || authenticatorIOS != audit.AuthenticatorIOS.String() {
		t.Error("the AAGUIDs of Microsoft Authenticator are not those of package audit")
	}
}

// TestPolicyOverride: bodies that were given are served as they are.
func TestPolicyOverride(t *testing.T) {
	body := []byte(`{"id":"Fido2","state":"disabled"}`)
	s := New(Options{Policy: body})
	a := get(t, s, "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/Fido2")
	if a.status != 200 || string(a.body) != string(body) {
		t.Errorf("got %d %s, want %s", a.status, a.body, body)
	}
	whole := get(t, s, "/v1.0/policies/authenticationMethodsPolicy").object(t)
	if diff := cmp.Diff([]any{map[string]any{"id": "Fido2", "state": "disabled"}}, whole["authenticationMethodConfigurations"]); diff != "" {
		t.Error(diff)
	}
}

// TestTruth: what the server says a perfect reader would know is what it answers.
func TestTruth(t *testing.T) {
	s := New(Options{Users: 300, Seed: 5})
	users, _ := walk(t, s, "/v1.0/users?$top=70&$select=id,userPrincipalName,displayName,accountEnabled,userType")
	for i, u := range users {
		want := s.User(i)
		got := audit.User{
			TenantID: want.TenantID, ID: u["id"].(string), UPN: u["userPrincipalName"].(string), DisplayName: u["displayName"].(string),
			Type: u["userType"].(string), Enabled: audit.TernaryOf(u["accountEnabled"].(bool)), Admin: want.Admin,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("user %d:\n%s", i, diff)
		}
		a := get(t, s, "/beta/users/"+want.ID+"/authentication/fido2Methods")
		var methods struct {
			Value []struct {
				ID, DisplayName, AaGUID, Model    string
				PasskeyType                       audit.PasskeyType
				AttestationLevel                  audit.AttestationLevel
				CreatedDateTime, LastUsedDateTime time.Time
			}
		}
		if err := json.Unmarshal(a.body, &methods); err != nil {
			t.Fatal(err)
		}
		keys := []audit.Passkey{}
		for _, m := range methods.Value {
			keys = append(keys, audit.Passkey{
				ID: m.ID, Name: m.DisplayName, AAGUID: m.AaGUID, Model: m.Model, Type: m.PasskeyType,
				Attestation: m.AttestationLevel, CreatedAt: m.CreatedDateTime, LastUsedAt: m.LastUsedDateTime,
			})
		}
		if diff := cmp.Diff(s.Passkeys(i), keys); diff != "" {
			t.Errorf("passkeys of user %d:\n%.2000s", i, diff)
		}
	}
	if len(users) != s.Users() {
		t.Errorf("got %d users, want %d", len(users), s.Users())
	}
}
