package aaguid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Status is what the FIDO Metadata Service says of an authenticator model. A
// model is proven only where attestation was verified.
type Status struct {
	// Certification says in words how the model is certified, with dates, such
	// as "FIDO Certified L1 (2021-03-01)", and then whatever else is reported
	// that is no problem, each with a semicolon before it. Statuses that are
	// not known here stand as they were sent. Empty where nothing is reported.
	Certification string
	// Problem says in words why the model is warned of, the worst first, with
	// semicolons between; empty where it is not. A problem stays even where a
	// later report says that an update mends it or that the model is certified
	// again, since an AAGUID does not tell which firmware a device has; the
	// words say so. So does one whose date is still to come.
	Problem string
	// Reports are all reports, the oldest first, those without a date at the
	// beginning.
	Reports []Report
}

// A Report is a status that was reported, as it was sent, but for characters
// that cannot be shown.
type Report struct {
	// Status is the word of the format, such as REVOKED.
	Status string
	// Effective is the day from which it holds and Sunset that from which it
	// no longer does, as yyyy-mm-dd; empty where not given, and as sent where
	// it is no date. Without Effective it holds as long as it is there.
	Effective, Sunset string
	// URL says more, for people; mostly empty.
	URL string
	// Version is the least version of the authenticator, a number of the
	// maker's, that the report is about; 0 where not given.
	Version uint64
	// Batch says that an attestation key of one batch of devices is meant.
	Batch bool
	// FIPSRevision is 3 for FIPS 140-3; 0 where not given.
	FIPSRevision uint64
}

// reportJSON is a report in the BLOB.
type reportJSON struct {
	Status           string `json:"status"`
	EffectiveDate    string `json:"effectiveDate"`
	SunsetDate       string `json:"sunsetDate"`
	URL              string `json:"url"`
	Version          uint64 `json:"authenticatorVersion"`
	Certificate      string `json:"certificate"`
	BatchCertificate string `json:"batchCertificate"`
	FIPSRevision     uint64 `json:"fipsRevision"`
}

// Bounds on foreign text in a report, in characters.
const (
	maxStatusWord = 60
	maxStatusURL  = 300
)

func (r reportJSON) report() Report {
	return Report{
		Status:       cutTo(visible(r.Status), maxStatusWord),
		Effective:    day(r.EffectiveDate),
		Sunset:       day(r.SunsetDate),
		URL:          cutTo(visible(r.URL), maxStatusURL),
		Version:      r.Version,
		Batch:        r.Certificate != "" || r.BatchCertificate != "",
		FIPSRevision: r.FIPSRevision,
	}
}

// kind is what a status is about.
type kind int

const (
	kindUnknown kind = iota // not in the specification of 2026
	kindLevel               // certified by FIDO, or expressly not
	kindFIPS                // certified to FIPS 140
	kindProblem
	kindUpdate // an update is available
)

// meaning is how a status is put into words.
type meaning struct {
	kind kind
	// rank orders levels from none up, problems from the least grave up.
	rank int
	// words name the status, and detail says what a problem means for people.
	words, detail string
}

// Ranks of levels that are no certificate.
const (
	rankNone = iota
	rankSelfAsserted
	rankFunctional // FIDO_CERTIFIED, which says nothing of security
	rankLevel1
)

// rankRevoked is the gravest problem.
const rankRevoked = 6

// means gives the meaning of a status, from section 3.1.4, "AuthenticatorStatus
// enum", of the FIDO Metadata Service 3.1 and 3.1.1.
func means(status string) meaning {
	switch status {
	case "NOT_FIDO_CERTIFIED":
		return meaning{kindLevel, rankNone, "not FIDO certified", ""}
	case "SELF_ASSERTION_SUBMITTED":
		return meaning{kindLevel, rankSelfAsserted, "not FIDO certified, the maker's own checklist was submitted", ""}
	case "FIDO_CERTIFIED":
		return meaning{kindLevel, rankFunctional, "FIDO Certified", ""}
	case "FIDO_CERTIFIED_L1":
		return meaning{kindLevel, rankLevel1, "FIDO Certified L1", ""}
	case "FIDO_CERTIFIED_L1plus":
		return meaning{kindLevel, rankLevel1 + 1, "FIDO Certified L1+", ""}
	case "FIDO_CERTIFIED_L2":
		return meaning{kindLevel, rankLevel1 + 2, "FIDO Certified L2", ""}
	case "FIDO_CERTIFIED_L2plus":
		return meaning{kindLevel, rankLevel1 + 3, "FIDO Certified L2+", ""}
	case "FIDO_CERTIFIED_L3":
		return meaning{kindLevel, rankLevel1 + 4, "FIDO Certified L3", ""}
	case "FIDO_CERTIFIED_L3plus":
		return meaning{kindLevel, rankLevel1 + 5, "FIDO Certified L3+", ""}
	case "FIPS140_CERTIFIED_L1", "FIPS140_CERTIFIED_L2", "FIPS140_CERTIFIED_L3", "FIPS140_CERTIFIED_L4":
		level := status[len(status)-1]
		return meaning{kindFIPS, int(level - '0'), "L" + string(level), ""}
	case "REVOKED":
		return meaning{kindProblem, rankRevoked, "revoked", "the FIDO Alliance says that it should not be trusted"}
	case "USER_KEY_REMOTE_COMPROMISE":
		return meaning{kindProblem, 5, "remote compromise of user keys reported", "its passkeys can be guessed, forged or extracted from afar"}
	case "USER_VERIFICATION_BYPASS":
		return meaning{kindProblem, 4, "bypass of user verification reported", "malware can use it without the user's PIN, finger or face"}
	case "USER_KEY_PHYSICAL_COMPROMISE":
		return meaning{kindProblem, 3, "physical compromise of user keys reported", "whoever holds the device can extract its passkeys"}
	case "ATTESTATION_KEY_COMPROMISE":
		return meaning{kindProblem, 2, "compromise of an attestation key reported", "other devices can pass for this model"}
	case "RETIRED":
		return meaning{kindProblem, 1, "retired", "it should not be accepted any longer"}
	case "UPDATE_AVAILABLE":
		return meaning{kind: kindUpdate, words: "an update is available"}
	}
	return meaning{kind: kindUnknown, words: `"` + status + `"`}
}

// newStatus puts reports into words as of the day now (yyyy-mm-dd). The
// specification asks that the latest report tells the present state, but not in
// which order they stand: the BLOBs that are served have the newest first and,
// of one day, FIDO_CERTIFIED after the level that contains it. So the dates
// decide, and of one day the higher level.
func newStatus(reports []Report, now string) Status {
	s := Status{Reports: slices.Clone(reports)}
	slices.SortStableFunc(s.Reports, func(a, b Report) int {
		ma, mb := means(a.Status), means(b.Status)
		return cmp.Or(cmp.Compare(a.since(), b.since()), cmp.Compare(ma.kind, mb.kind), cmp.Compare(ma.rank, mb.rank))
	})
	var (
		level, ended, fips, update *Report
		problems                   []*Report
		also                       []string // what is neither level nor problem
	)
	for i := range s.Reports {
		r := &s.Reports[i]
		m := means(r.Status)
		switch {
		case m.kind == kindProblem:
			problems = append(problems, r)
		case m.kind == kindUnknown:
			also = append(also, "also reported: "+m.words+r.when(now))
		case r.since() > now:
			also = append(also, r.name()+r.when(now))
		case r.over(now):
			if m.kind == kindLevel {
				ended = r
			} else {
				also = append(also, r.name()+r.when(now))
			}
		case m.kind == kindFIPS:
			fips = r
		case m.kind == kindUpdate:
			update = r
		case level == nil || m.rank >= rankLevel1 || m.rank == rankNone || means(level.Status).rank <= m.rank:
			// A functional certificate or a checklist takes no level away.
			level = r
		}
	}
	mends := update != nil && !slices.ContainsFunc(problems, func(p *Report) bool { return p.since() > update.since() })
	if mends {
		s.Problem = problemWords(problems, level, update, now)
	} else {
		s.Problem = problemWords(problems, level, nil, now)
	}
	s.Certification = certificationWords(cmp.Or(level, ended), fips, problems, now)
	if update != nil && (!mends || len(problems) == 0) {
		also = append(also, update.name()+update.when(now))
	}
	if s.Certification != "" {
		also = slices.Insert(also, 0, s.Certification)
	}
	s.Certification = strings.Join(also, "; ")
	return s
}

// certificationWords says how a model is certified; each report may be nil.
func certificationWords(level, fips *Report, problems []*Report, now string) string {
	var parts []string
	if level != nil {
		words := level.name() + level.when(now)
		// Revoking a model ends its certificate.
		if means(level.Status).rank >= rankFunctional && slices.ContainsFunc(problems, func(p *Report) bool {
			return means(p.Status).rank == rankRevoked && p.since() <= now && (p.since() == "" || p.since() >= level.since())
		}) {
			words = "revoked, before that " + words
		}
		parts = append(parts, words)
	}
	if fips != nil {
		parts = append(parts, fips.name()+fips.when(now))
	}
	return strings.Join(parts, "; ")
}

// problemWords tells the problems, the gravest first and then the newest, and
// what came after them: an update, which may be nil, and the level in force,
// where it is newer.
func problemWords(problems []*Report, level, update *Report, now string) string {
	slices.SortStableFunc(problems, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(means(b.Status).rank, means(a.Status).rank), cmp.Compare(b.since(), a.since()))
	})
	if len(problems) == 0 {
		return ""
	}
	var parts []string
	for _, r := range problems {
		m := means(r.Status)
		words := m.words
		switch {
		case r.Effective == "":
		case r.since() > now:
			words += " with effect from " + r.Effective
		default:
			words += " on " + r.Effective
		}
		words += ": " + m.detail
		if m.rank != rankRevoked && r.Batch {
			words += ", in one batch of devices"
		}
		if r.over(now) {
			words += " (until " + r.Sunset + ")"
		}
		if r.URL != "" {
			words += " (" + r.URL + ")"
		}
		parts = append(parts, words)
	}
	if update != nil {
		parts = append(parts, update.name()+update.when(now)+", which may mend it where it is installed")
	}
	// Of a problem without a day nobody can say that a certificate is newer.
	if level != nil && means(level.Status).rank >= rankFunctional && !slices.ContainsFunc(problems, func(p *Report) bool {
		return p.since() == "" || p.since() >= level.since()
	}) {
		parts = append(parts, "the model is "+level.name()+" since "+level.Effective)
	}
	return strings.Join(parts, "; ")
}

// name gives the words for a report's status.
func (r *Report) name() string {
	m := means(r.Status)
	if m.kind != kindFIPS {
		return m.words
	}
	if r.FIPSRevision == 0 {
		return "FIPS 140 " + m.words
	}
	return fmt.Sprintf("FIPS 140-%d %s", r.FIPSRevision, m.words)
}

// when gives the dates of a report in parentheses, with a space before; nothing
// where there are none.
func (r *Report) when(now string) string {
	var parts []string
	switch {
	case r.Effective == "":
	case r.since() > now:
		parts = append(parts, "from "+r.Effective)
	default:
		parts = append(parts, r.Effective)
	}
	switch {
	case r.Sunset == "":
	case r.over(now):
		parts = append(parts, "ended "+r.Sunset)
	default:
		parts = append(parts, "until "+r.Sunset)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// since is the day from which a report holds, or the empty text, which sorts
// before all days, for one that holds as long as it is there.
func (r *Report) since() string {
	if !isDay(r.Effective) {
		return ""
	}
	return r.Effective
}

// over reports whether a report no longer holds on the day now.
func (r *Report) over(now string) bool { return isDay(r.Sunset) && r.Sunset <= now }

// day gives the day of an ISO 8601 date or time as yyyy-mm-dd, and anything
// else as it is, cut to a length that can be shown.
func day(s string) string {
	s = visible(s)
	if len(s) > len(time.DateOnly) && s[len(time.DateOnly)] == 'T' && isDay(s[:len(time.DateOnly)]) {
		return s[:len(time.DateOnly)]
	}
	return cutTo(s, len(time.RFC3339))
}

// isDay reports whether s is a day of the form yyyy-mm-dd, which compares as
// text.
func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
