package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
)

// drawUser makes a user with passkeys of any content.
func drawUser(t *rapid.T) *audit.JudgedUser {
	text := rapid.String()
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-1<<33, 1<<36).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "nano")).UTC()
	})
	tern := rapid.SampledFrom([]audit.Ternary{audit.Unknown, audit.No, audit.Yes})
	verdict := rapid.Custom(func(t *rapid.T) audit.Verdict {
		return audit.Verdict{
			Decision: rapid.SampledFrom([]audit.Decision{audit.Allowed, audit.Blocked, audit.Undecided}).Draw(t, "decision"),
			Code:     audit.ReasonCode(text.Draw(t, "code")), Reason: text.Draw(t, "reason"), DecidedBy: text.Draw(t, "by"),
			Assumes: audit.AssumptionSet(rapid.Uint64().Draw(t, "assumes")),
		}
	})
	u := &audit.JudgedUser{Outcome: audit.OutcomeRead, User: audit.User{
		TenantID: text.Draw(t, "tenant"), ID: text.Draw(t, "id"), UPN: text.Draw(t, "upn"), DisplayName: text.Draw(t, "name"),
		Type: text.Draw(t, "type"), Enabled: tern.Draw(t, "enabled"), Admin: tern.Draw(t, "admin"),
	}}
	for range rapid.IntRange(0, 4).Draw(t, "passkeys") {
		u.Passkeys = append(u.Passkeys, audit.JudgedPasskey{
			Passkey: audit.Passkey{
				ID: text.Draw(t, "pid"), Name: text.Draw(t, "pname"), AAGUID: text.Draw(t, "aaguid"), Model: text.Draw(t, "model"),
				Type: audit.PasskeyType(text.Draw(t, "ptype")), Attestation: audit.AttestationLevel(text.Draw(t, "att")),
				CreatedAt: when.Draw(t, "created"), LastUsedAt: when.Draw(t, "used"),
			},
			Current: verdict.Draw(t, "current"), Proposed: verdict.Draw(t, "proposed"), Registrable: tern.Draw(t, "registrable"),
		})
	}
	return u
}

// TestSpoolKeepsEverything: every passkey comes back as it went in, and in the
// order of the users within its impact.
func TestSpoolKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		users := rapid.SliceOfN(rapid.Custom(drawUser), 0, 8).Draw(t, "users")
		d, err := Build(context.Background(), Input{TempDir: dir, Source: Source{Users: func(yield func(*audit.JudgedUser, error) bool) {
			for _, u := range users {
				if !yield(u, nil) {
					return
				}
			}
		}}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		type item struct {
			User audit.User
			Key  audit.JudgedPasskey
			Left int
		}
		var want, got []item
		for _, impact := range []audit.Impact{audit.ImpactBreaks, audit.ImpactUndecided, audit.ImpactAlreadyBlocked, audit.ImpactRestored, audit.ImpactUnaffected} {
			for _, u := range users {
				for _, k := range u.Passkeys {
					if k.Impact() == impact {
						want = append(want, item{u.User, k, u.UsableAfter()})
					}
				}
			}
		}
		for k, err := range d.AllPasskeys(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item{k.User, k.JudgedPasskey, k.UsableLeft})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("passkeys (-want +got):\n%s", diff)
		}
		if d.Passkeys.Total != len(want) {
			t.Fatalf("total %d, want %d", d.Passkeys.Total, len(want))
		}
	})
}

// TestDictLimit: texts beyond the dictionary's limits come back too.
func TestDictLimit(t *testing.T) {
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	texts := []string{"", strings.Repeat("x", dictText+1), "bad \xff utf-8"}
	for i := range dictLimit + 10 {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	for _, text := range append(texts, texts...) {
		if err := s.append("b", s.dict.put(nil, text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if len(s.dict.list) > dictLimit {
		t.Errorf("the dictionary has %d texts", len(s.dict.list))
	}
	i := 0
	for rec, err := range s.read(context.Background(), "b") {
		if err != nil {
			t.Fatal(err)
		}
		dec := decoder{rest: rec, dict: &s.dict}
		want := strings.ToValidUTF8(texts[i%len(texts)], "\uFFFD")
		if got := dec.known(); got != want || dec.bad || dec.rest != "" {
			t.Fatalf("text %d: got %q, want %q", i, got, want)
		}
		i++
	}
	if i != 2*len(texts) {
		t.Errorf("%d records, want %d", i, 2*len(texts))
	}
}

// TestDamaged: a record that was cut short is an error, not a row.
func TestDamaged(t *testing.T) {
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	k := audit.JudgedPasskey{Passkey: audit.Passkey{ID: "id", Name: "name"}}
	whole := s.putPasskey(nil, &audit.User{ID: "u", UPN: "u@contoso.com"}, &k, 0, 1)
	for n := range len(whole) {
		var got Passkey
		dec := decoder{rest: string(whole[:n]), dict: &s.dict}
		if dec.passkey(&got); !dec.bad {
			t.Fatalf("a record of %d instead of %d bytes was taken for whole", n, len(whole))
		}
	}
}

// TestSpoolRecords: records of all sizes come back, wherever the buffer's edges
// fall, and one that is cut short is no end.
func TestSpoolRecords(t *testing.T) {
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	var want []string
	for i := range 3000 {
		size := i * 7919 % 400
		switch i {
		case 0, 700:
			size = 0
		case 900, 901:
			size = 2*readBuffer + i
		case 2999:
			size = readBuffer
		}
		want = append(want, strings.Repeat(string(rune('a'+i%26)), size))
		if err := s.append("b", []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for rec, err := range s.read(t.Context(), "none", "b") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec)
	}
	if !slices.Equal(want, got) {
		t.Errorf("%d records came back, %d went in, or they differ", len(got), len(want))
	}
	b := s.buckets["b"]
	for _, cut := range []int64{1, readBuffer - 1, readBuffer, readBuffer + 3} {
		size := b.size
		b.size -= cut
		n := 0
		var last error
		for _, err := range s.read(t.Context(), "b") {
			if last = err; err == nil {
				n++
			}
		}
		if !errors.Is(last, io.ErrUnexpectedEOF) || n != 2999 && cut <= readBuffer {
			t.Errorf("%d bytes less: %d records and error %v", cut, n, last)
		}
		b.size = size
	}
	if _, err := b.file.WriteAt([]byte(strings.Repeat("\xff", 20)), 0); err != nil {
		t.Fatal(err)
	}
	for rec, err := range s.read(t.Context(), "b") {
		if !errors.Is(err, errDamaged) {
			t.Errorf("record of %d bytes, error %v", len(rec), err)
		}
	}
}

// TestVerdictLimit: verdicts beyond the dictionary's limits come back too.
func TestVerdictLimit(t *testing.T) {
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	list := []audit.Verdict{{}, {Decision: audit.Allowed}, {Decision: audit.Blocked, Reason: strings.Repeat("x", dictText+1)}, {Code: "bad \xff utf-8", DecidedBy: "\xff", Assumes: 5}}
	for i := range verdictLimit + 10 {
		list = append(list, audit.Verdict{Decision: audit.Blocked, Code: "code", Reason: fmt.Sprint("reason ", i), DecidedBy: "list", Assumes: audit.AssumptionSet(i)})
	}
	for range 2 {
		for i := range list {
			if err := s.append("b", s.putVerdict(nil, &list[i])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.dict.verdicts); n != verdictLimit {
		t.Errorf("the dictionary has %d verdicts, want %d", n, verdictLimit)
	}
	i := 0
	for rec, err := range s.read(t.Context(), "b") {
		if err != nil {
			t.Fatal(err)
		}
		want := list[i%len(list)]
		want.Code, want.DecidedBy = audit.ReasonCode(strings.ToValidUTF8(string(want.Code), "\uFFFD")), strings.ToValidUTF8(want.DecidedBy, "\uFFFD")
		dec := decoder{rest: rec, dict: &s.dict}
		var got audit.Verdict
		if dec.verdict(&got); got != want || dec.bad || dec.rest != "" {
			t.Fatalf("verdict %d: got %+v, want %+v", i, got, want)
		}
		i++
	}
	if i != 2*len(list) {
		t.Errorf("%d records, want %d", i, 2*len(list))
	}
}
