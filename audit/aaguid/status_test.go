package aaguid

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// on makes a report of the shape "STATUS day sunset".
func on(text string) Report {
	f := append(strings.Fields(text), "", "")
	return Report{Status: f[0], Effective: f[1], Sunset: f[2]}
}

func TestStatusWords(t *testing.T) {
	const trusted = "the FIDO Alliance says that it should not be trusted"
	batch, news := on("ATTESTATION_KEY_COMPROMISE 2024-01-01"), on("REVOKED 2023-12-20")
	batch.Batch, news.URL = true, "https://fido.example/n"
	fips := on("FIPS140_CERTIFIED_L2 2025-07-01")
	fips.FIPSRevision = 3
	reports := func(texts ...string) (all []Report) {
		for _, text := range texts {
			all = append(all, on(text))
		}
		return all
	}
	tests := []struct {
		name                   string
		reports                []Report
		certification, problem string
	}{
		{"none", nil, "", ""},
		{"level without a day", reports("FIDO_CERTIFIED_L1"), "FIDO Certified L1", ""},
		{"newest first, as they are served", reports("FIDO_CERTIFIED_L2 2025-02-01", "FIDO_CERTIFIED_L1 2024-08-12", "FIDO_CERTIFIED 2024-08-12"), "FIDO Certified L2 (2025-02-01)", ""},
		{"oldest first", reports("FIDO_CERTIFIED 2018-11-08", "FIDO_CERTIFIED_L1 2020-11-19"), "FIDO Certified L1 (2020-11-19)", ""},
		{"of one day the higher", reports("FIDO_CERTIFIED_L1plus 2024-12-22", "FIDO_CERTIFIED_L1 2024-12-22", "FIDO_CERTIFIED 2024-12-22"), "FIDO Certified L1+ (2024-12-22)", ""},
		{"a lower level that is newer", reports("FIDO_CERTIFIED_L3plus 2022-01-01", "FIDO_CERTIFIED_L2plus 2023-01-01"), "FIDO Certified L2+ (2023-01-01)", ""},
		{"a functional certificate takes no level away", reports("FIDO_CERTIFIED_L3 2022-01-01", "FIDO_CERTIFIED 2023-01-01"), "FIDO Certified L3 (2022-01-01)", ""},
		{"a checklist takes no certificate away", reports("FIDO_CERTIFIED 2022-01-01", "SELF_ASSERTION_SUBMITTED 2023-01-01"), "FIDO Certified (2022-01-01)", ""},
		{"a checklist alone", reports("NOT_FIDO_CERTIFIED 2022-01-01", "SELF_ASSERTION_SUBMITTED 2023-01-01"), "not FIDO certified, the maker's own checklist was submitted (2023-01-01)", ""},
		{"no longer certified", reports("FIDO_CERTIFIED_L1 2022-01-01", "NOT_FIDO_CERTIFIED 2023-01-01"), "not FIDO certified (2023-01-01)", ""},
		{"still to come", reports("FIDO_CERTIFIED_L1 2022-01-01", "FIDO_CERTIFIED_L2 2027-01-01"), "FIDO Certified L1 (2022-01-01); FIDO Certified L2 (from 2027-01-01)", ""},
		{"today", reports("FIDO_CERTIFIED_L1 2022-01-01", "FIDO_CERTIFIED_L2 2026-11-22"), "FIDO Certified L2 (2026-11-22)", ""},
		{"sunset to come", reports("FIDO_CERTIFIED_L1 2022-01-01 2026-11-23"), "FIDO Certified L1 (2022-01-01, until 2026-11-23)", ""},
		{"sunset today", reports("FIDO_CERTIFIED_L1 2022-01-01 2026-11-22"), "FIDO Certified L1 (2022-01-01, ended 2026-11-22)", ""},
		{"sunset of the higher", reports("FIDO_CERTIFIED_L2 2023-01-01 2024-01-01", "FIDO_CERTIFIED_L1 2022-01-01"), "FIDO Certified L1 (2022-01-01)", ""},
		{"FIPS", append(reports("FIDO_CERTIFIED_L1 2025-06-15"), fips), "FIDO Certified L1 (2025-06-15); FIPS 140-3 L2 (2025-07-01)", ""},
		{"FIPS of any revision", reports("FIPS140_CERTIFIED_L4"), "FIPS 140 L4", ""},
		{"FIPS that ended", reports("FIPS140_CERTIFIED_L1 2020-01-01 2025-01-01"), "FIPS 140 L1 (2020-01-01, ended 2025-01-01)", ""},
		{"unknown status", reports("FIDO_CERTIFIED_L4 2026-01-01", "FIDO_CERTIFIED_L1 2022-01-01"), `FIDO Certified L1 (2022-01-01); also reported: "FIDO_CERTIFIED_L4" (2026-01-01)`, ""},
		{"unknown status to come", reports("NEW 2027-01-01"), `also reported: "NEW" (from 2027-01-01)`, ""},
		{"no status", []Report{{}}, `also reported: ""`, ""},
		{"no date", []Report{{Status: "FIDO_CERTIFIED_L1", Effective: "spring 2022"}}, "FIDO Certified L1 (spring 2022)", ""},
		{"update", reports("FIDO_CERTIFIED_L1 2022-01-01", "UPDATE_AVAILABLE 2024-01-01"), "FIDO Certified L1 (2022-01-01); an update is available (2024-01-01)", ""},

		{"revoked, with news", append(reports("NOT_FIDO_CERTIFIED 2023-11-07"), news), "not FIDO certified (2023-11-07)", "revoked on 2023-12-20: " + trusted + " (https://fido.example/n)"},
		{"revoked after a certificate", reports("FIDO_CERTIFIED_L1 2022-01-01", "REVOKED 2023-12-20"), "revoked, before that FIDO Certified L1 (2022-01-01)", "revoked on 2023-12-20: " + trusted},
		{"revoked without a day", reports("FIDO_CERTIFIED_L1 2022-01-01", "REVOKED"), "revoked, before that FIDO Certified L1 (2022-01-01)", "revoked: " + trusted},
		{"certified again", reports("REVOKED 2023-12-20", "FIDO_CERTIFIED_L1 2024-01-01"), "FIDO Certified L1 (2024-01-01)", "revoked on 2023-12-20: " + trusted + "; the model is FIDO Certified L1 since 2024-01-01"},
		{"to be revoked", reports("FIDO_CERTIFIED_L1 2022-01-01", "REVOKED 2027-01-01"), "FIDO Certified L1 (2022-01-01)", "revoked with effect from 2027-01-01: " + trusted},
		{"retired", reports("RETIRED 2025-01-01"), "", "retired on 2025-01-01: it should not be accepted any longer"},
		{"one batch", []Report{batch}, "", "compromise of an attestation key reported on 2024-01-01: other devices can pass for this model, in one batch of devices"},
		{"mended by an update", reports("UPDATE_AVAILABLE 2024-03-01", "USER_VERIFICATION_BYPASS 2024-01-01"), "", "bypass of user verification reported on 2024-01-01: malware can use it without the user's PIN, finger or face; an update is available (2024-03-01), which may mend it where it is installed"},
		{"an update from before", reports("UPDATE_AVAILABLE 2023-03-01", "USER_VERIFICATION_BYPASS 2024-01-01"), "an update is available (2023-03-01)", "bypass of user verification reported on 2024-01-01: malware can use it without the user's PIN, finger or face"},
		{"the gravest first, then the newest", reports("USER_KEY_PHYSICAL_COMPROMISE 2024-01-01", "USER_KEY_REMOTE_COMPROMISE 2023-01-01", "USER_KEY_REMOTE_COMPROMISE 2023-06-01"), "",
			"remote compromise of user keys reported on 2023-06-01: its passkeys can be guessed, forged or extracted from afar; " +
				"remote compromise of user keys reported on 2023-01-01: its passkeys can be guessed, forged or extracted from afar; " +
				"physical compromise of user keys reported on 2024-01-01: whoever holds the device can extract its passkeys"},
		{"a problem that ended", reports("USER_KEY_PHYSICAL_COMPROMISE 2024-01-01 2025-01-01"), "", "physical compromise of user keys reported on 2024-01-01: whoever holds the device can extract its passkeys (until 2025-01-01)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newStatus(tt.reports, "2026-11-22")
			if diff := cmp.Diff([]string{tt.certification, tt.problem}, []string{got.Certification, got.Problem}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(got.Reports) != len(tt.reports) {
				t.Errorf("%d reports of %d", len(got.Reports), len(tt.reports))
			}
		})
	}
}

// TestStatusProperties holds that the order in which reports come never
// changes the words, that each problem and each unknown status is told, and
// that no report goes without words.
func TestStatusProperties(t *testing.T) {
	statuses := []string{
		"NOT_FIDO_CERTIFIED", "SELF_ASSERTION_SUBMITTED", "FIDO_CERTIFIED", "FIDO_CERTIFIED_L1", "FIDO_CERTIFIED_L2plus", "FIPS140_CERTIFIED_L3",
		"REVOKED", "RETIRED", "USER_KEY_REMOTE_COMPROMISE", "USER_VERIFICATION_BYPASS", "UPDATE_AVAILABLE", "UNHEARD_OF",
	}
	days := []string{"", "2020-01-01", "2023-05-05", "2026-11-22", "2026-11-23", "2030-01-01"}
	rapid.Check(t, func(t *rapid.T) {
		reports := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Report {
			return Report{
				Status:    rapid.SampledFrom(statuses).Draw(t, "status"),
				Effective: rapid.SampledFrom(days).Draw(t, "effective"),
				Sunset:    rapid.SampledFrom([]string{"", "", "2024-01-01", "2031-01-01"}).Draw(t, "sunset"),
			}
		}), 1, 6, func(r Report) string { return r.Status + r.Effective }).Draw(t, "reports")
		got := newStatus(reports, "2026-11-22")
		back := slices.Clone(reports)
		slices.Reverse(back)
		if other := newStatus(back, "2026-11-22"); !cmp.Equal(got, other) {
			t.Fatalf("the order matters:\n%s", cmp.Diff(got, other))
		}
		if got.Certification == "" && got.Problem == "" {
			t.Fatal("no words")
		}
		problems, unknowns := 0, 0
		for _, r := range reports {
			switch m := means(r.Status); m.kind {
			case kindProblem:
				problems++
				if !strings.Contains(got.Problem, m.words) {
					t.Fatalf("%s is not told: %q", r.Status, got.Problem)
				}
			case kindUnknown:
				unknowns++
			}
		}
		if (problems > 0) != (got.Problem != "") {
			t.Fatalf("%d problems: %q", problems, got.Problem)
		}
		if n := strings.Count(got.Certification, `also reported: "UNHEARD_OF"`); n != unknowns {
			t.Fatalf("%d unknown statuses told of %d", n, unknowns)
		}
	})
}

func TestDay(t *testing.T) {
	tests := []struct {
		in, want string
		isDay    bool
	}{
		{"2024-02-29", "2024-02-29", true},
		{" 2024-02-29 ", "2024-02-29", true},
		{"2024-02-29T10:00:00Z", "2024-02-29", true},
		{"2023-02-29", "2023-02-29", false},
		{"2023-02-29T10:00:00Z", "2023-02-29T10:00:00Z", false},
		{"", "", false},
		{"\x1b[2J", "[2J", false},
		{strings.Repeat("é", 100), strings.Repeat("é", 24) + "…", false},
	}
	for _, tt := range tests {
		got := day(tt.in)
		if got != tt.want || isDay(got) != tt.isDay || !utf8.ValidString(got) {
			t.Errorf("day(%q) = %q, %v; want %q, %v", tt.in, got, isDay(got), tt.want, tt.isDay)
		}
	}
}
