package json

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// lineOf gives the line of a passkey, for encoding/json to write.
func lineOf(d *report.Document, k *report.Passkey) Passkey {
	verdict := func(v *audit.Verdict) Verdict {
		return Verdict{Decision: v.Decision, Code: v.Code, Reason: v.Reason, DecidedBy: v.DecidedBy, Assumptions: d.AssumptionTexts(v.Assumes)}
	}
	at := func(t time.Time) *time.Time {
		if t = t.UTC(); t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
			return nil
		}
		return &t
	}
	p := Passkey{
		Schema: PasskeySchema, Impact: k.Impact(),
		TenantID: k.User.TenantID, UserID: k.User.ID, UPN: k.User.UPN, DisplayName: k.User.DisplayName, UserType: k.User.Type,
		Enabled: k.User.Enabled.Pointer(), Admin: k.User.Admin.Pointer(),
		PasskeyID: k.ID, Name: k.Name, Type: string(k.Type), AAGUIDSent: k.AAGUID, Model: k.Model,
		Authenticator: k.Authenticator.Name, Vendor: k.Authenticator.Vendor, NameSource: k.Authenticator.Source,
		Attestation: string(k.Attestation), Registrable: k.Registrable.Pointer(),
		CreatedAt: at(k.CreatedAt), LastUsedAt: at(k.LastUsedAt),
		Current: verdict(&k.Current), Proposed: verdict(&k.Proposed), UsableLeft: k.UsableLeft,
	}
	if k.HasAAGUID {
		s := k.Authenticator.AAGUID.String()
		p.AAGUID = &s
	}
	return p
}

// TestEncoder: the lines are those that encoding/json would write, whatever the
// texts hold.
func TestEncoder(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return rapid.OneOf(
				rapid.StringOf(rapid.RuneFrom([]rune("aé界😀\"\\/<>&\b\f\n\r\t\x00\x1b\x7f\u2028\u2029\ufffd"))),
				rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			).Draw(t, name)
		}
		ternary := func(name string) audit.Ternary {
			return rapid.SampledFrom([]audit.Ternary{audit.Yes, audit.No, audit.Unknown}).Draw(t, name)
		}
		at := func(name string) time.Time {
			zone := time.FixedZone("", rapid.IntRange(-43200, 43200).Draw(t, name+" zone"))
			return rapid.SampledFrom([]time.Time{
				{}, time.Date(2026, 1, 2, 3, 4, 5, 0, zone), time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, zone), time.Date(12026, 1, 1, 0, 0, 0, 0, zone),
				time.Date(-5, 1, 1, 0, 0, 0, 0, zone), time.Date(9999, 12, 31, 23, 0, 0, 1, zone),
			}).Draw(t, name)
		}
		verdict := func(name string) audit.Verdict {
			return audit.Verdict{Decision: audit.Decision(text(name)), Code: audit.ReasonCode(text(name)), Reason: text(name), DecidedBy: text(name),
				Assumes: audit.AssumptionSet(rapid.SampledFrom([]uint64{0, 1, 6, 7}).Draw(t, name+" assumptions"))}
		}
		k := report.Passkey{
			User: audit.User{TenantID: text("tenant"), ID: text("user"), UPN: text("UPN"), DisplayName: text("name"), Type: text("type"), Enabled: ternary("enabled"), Admin: ternary("admin")},
			JudgedPasskey: audit.JudgedPasskey{
				Passkey: audit.Passkey{ID: text("ID"), Name: text("passkey"), AAGUID: text("AAGUID"), Model: text("model"), Type: audit.PasskeyType(text("kind")),
					Attestation: audit.AttestationLevel(text("level")), CreatedAt: at("created"), LastUsedAt: at("used")},
				Current: verdict("current"), Proposed: verdict("proposed"), Registrable: ternary("registrable"),
			},
			Authenticator: audit.Authenticator{AAGUID: audit.AuthenticatorIOS, Name: text("authenticator"), Vendor: text("vendor"), Source: text("source")},
			HasAAGUID:     rapid.Bool().Draw(t, "has AAGUID"), UsableLeft: rapid.IntRange(-1, 1000).Draw(t, "left"),
		}
		var want bytes.Buffer
		reference := json.NewEncoder(&want)
		reference.SetEscapeHTML(false)
		e := encoder{d: d, verdicts: map[audit.Verdict]string{}}
		for range 2 { // the second time from what is kept
			e.passkey(&k)
			if err := reference.Encode(lineOf(d, &k)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want.String(), string(e.buf)); diff != "" {
			t.Fatalf("lines (-encoding/json +ours):\n%s", diff)
		}
	})
}

// TestVerdictsKept: what is kept of verdicts has a bound, and none is lost
// beyond it.
func TestVerdictsKept(t *testing.T) {
	e := encoder{d: fixture.Build(t, fixture.Input(t.TempDir())), verdicts: map[audit.Verdict]string{}}
	for i := range verdictsKept + 10 {
		e.buf = e.buf[:0]
		v := audit.Verdict{Reason: strings.Repeat("x", i)}
		e.verdict("", &v)
		if !strings.Contains(string(e.buf), `"`+v.Reason+`"`) {
			t.Fatalf("verdict %d is %s", i, e.buf)
		}
	}
	if n := len(e.verdicts); n != verdictsKept {
		t.Errorf("%d verdicts kept, want %d", n, verdictsKept)
	}
}

func BenchmarkPasskeys(b *testing.B) {
	d := fixture.Build(b, fixture.Large(b.TempDir(), 10_000))
	for b.Loop() {
		if err := WritePasskeys(b.Context(), discard{}, d); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
