package audit

// A Decision says whether a passkey can be used to sign in under a policy.
type Decision string

// The decisions. Undecided is neither of the others and is never rounded to
// one: something that the answer depends on is not known.
const (
	Allowed   Decision = "allowed"
	Blocked   Decision = "blocked"
	Undecided Decision = "undecided"
)

// A ReasonCode says in one word why a decision was made.
type ReasonCode string

// The reason codes; the last three go with Undecided.
const (
	ReasonOK               ReasonCode = "ok"
	ReasonAAGUIDNotAllowed ReasonCode = "aaguid_not_allowed"
	ReasonAAGUIDBlocked    ReasonCode = "aaguid_blocked"
	ReasonTypeNotAllowed   ReasonCode = "type_not_allowed"
	ReasonUserExcluded     ReasonCode = "user_excluded"
	ReasonUserNotTargeted  ReasonCode = "user_not_targeted"
	ReasonMethodDisabled   ReasonCode = "method_disabled"
	ReasonAAGUIDUnknown    ReasonCode = "aaguid_unknown"
	ReasonTypeUnknown      ReasonCode = "type_unknown"
	ReasonGroupUnresolved  ReasonCode = "group_unresolved"
)

// An Assumption is a rule that was followed although Microsoft does not
// document it.
type Assumption uint8

// An AssumptionSet is a set of up to 64 assumptions.
type AssumptionSet uint64

// Add puts a into the set.
func (s *AssumptionSet) Add(a Assumption) { *s |= 1 << a }

// Has reports whether a is in the set.
func (s AssumptionSet) Has(a Assumption) bool { return s&(1<<a) != 0 }

// A Verdict is the answer to "can this passkey be used under this policy?".
type Verdict struct {
	Decision Decision
	Code     ReasonCode
	// Reason is one sentence that a help desk can read out, without a full
	// stop at its end.
	Reason string
	// DecidedBy is the profile's name, "tenant-wide restrictions", or the
	// target that decided.
	DecidedBy string
	// Assumes names the assumptions that this verdict hangs on.
	Assumes AssumptionSet
}

// An Impact tells what a proposed policy changes for a passkey.
type Impact string

// The impacts. ImpactUndecided means that the proposed verdict is undecided.
const (
	ImpactBreaks         Impact = "breaks"
	ImpactAlreadyBlocked Impact = "already_blocked"
	ImpactRestored       Impact = "restored"
	ImpactUnaffected     Impact = "unaffected"
	ImpactUndecided      Impact = "undecided"
)

// ImpactOf compares a verdict under the policy as it is with one under the
// proposal. A passkey that is undecided now and blocked under the proposal
// breaks: it may work today.
func ImpactOf(current, proposed Decision) Impact {
	switch {
	case proposed == Blocked && current == Blocked:
		return ImpactAlreadyBlocked
	case proposed == Blocked:
		return ImpactBreaks
	case proposed == Allowed && current == Blocked:
		return ImpactRestored
	case proposed == Allowed:
		return ImpactUnaffected
	}
	return ImpactUndecided
}

// A Risk is the worst that a proposed policy does to a user.
type Risk string

// The risks, worst first.
const (
	RiskUnread           Risk = "unread"
	RiskLosesLastPasskey Risk = "loses_last_passkey"
	RiskLosesSome        Risk = "loses_some"
	RiskUndecided        Risk = "undecided"
	RiskBlockedAlready   Risk = "blocked_already"
	RiskUnaffected       Risk = "unaffected"
)

// A JudgedPasskey is a passkey with its verdicts.
type JudgedPasskey struct {
	Passkey
	Current  Verdict
	Proposed Verdict
	// Registrable tells whether the passkey could be registered again under
	// the proposal; Unknown where that is undecided.
	Registrable Ternary
}

// Impact compares the two verdicts.
func (k *JudgedPasskey) Impact() Impact {
	return ImpactOf(k.Current.Decision, k.Proposed.Decision)
}

// A JudgedUser is a user, what became of reading the user's passkeys, and the
// passkeys with their verdicts in a fixed order.
type JudgedUser struct {
	User
	Outcome  Outcome
	Passkeys []JudgedPasskey
}

// UsableNow counts the passkeys that the policy as it is allows.
func (u *JudgedUser) UsableNow() int {
	return u.count(func(k *JudgedPasskey) bool { return k.Current.Decision == Allowed })
}

// UsableAfter counts the passkeys that the proposal allows.
func (u *JudgedUser) UsableAfter() int {
	return u.count(func(k *JudgedPasskey) bool { return k.Proposed.Decision == Allowed })
}

// Breaking counts the passkeys that break.
func (u *JudgedUser) Breaking() int {
	return u.count(func(k *JudgedPasskey) bool { return k.Impact() == ImpactBreaks })
}

// Undecided counts the passkeys whose verdict under the proposal is undecided.
func (u *JudgedUser) Undecided() int {
	return u.count(func(k *JudgedPasskey) bool { return k.Proposed.Decision == Undecided })
}

func (u *JudgedUser) count(is func(*JudgedPasskey) bool) int {
	n := 0
	for i := range u.Passkeys {
		if is(&u.Passkeys[i]) {
			n++
		}
	}
	return n
}

// Risk gives the first risk that fits, in the order of the constants.
// RiskLosesLastPasskey means: at least one passkey is allowed now, and none is
// under the proposal. A user without passkeys who was read is unaffected.
func (u *JudgedUser) Risk() Risk {
	switch {
	case u.Outcome.Unread():
		return RiskUnread
	case u.UsableNow() > 0 && u.UsableAfter() == 0:
		return RiskLosesLastPasskey
	case u.Breaking() > 0:
		return RiskLosesSome
	case u.Undecided() > 0:
		return RiskUndecided
	case u.count(func(k *JudgedPasskey) bool { return k.Impact() == ImpactAlreadyBlocked }) > 0:
		return RiskBlockedAlready
	}
	return RiskUnaffected
}
