package policy

import "passkey-audit/audit"

// The rules that are followed although Microsoft does not document them, or
// although its sources disagree. Their order is the order of reports.
const (
	// AssumeDisabledBlocks: state "disabled" stops registered passkeys too.
	AssumeDisabledBlocks audit.Assumption = iota
	// AssumeUnknownStateEnabled: a state that is neither enabled nor disabled
	// is read as enabled, since "disabled" alone is known to switch it off.
	AssumeUnknownStateEnabled
	// AssumeNestedGroups: members of nested groups belong to a target group.
	AssumeNestedGroups
	// AssumeUntargetedBlocked: who is in no include target cannot sign in.
	AssumeUntargetedBlocked
	// AssumeZeroTargetNobody: an exclude target with the all-zero id means
	// nobody, as it does elsewhere in the authentication methods policy.
	AssumeZeroTargetNobody
	// AssumeTargetTypeUnknown: a target that is neither group nor user is
	// handled like a group that could not be read.
	AssumeTargetTypeUnknown
	// AssumeDefaultServes: the default profile serves a target that names none.
	AssumeDefaultServes
	// AssumeProfileMissing: what a profile accepts that a target names, and
	// that the policy does not hold, is unknown.
	AssumeProfileMissing
	// AssumeTypesMissing: a profile without passkey types accepts nobody knows
	// what.
	AssumeTypesMissing
	// AssumeTypeValueUnknown: a type value of a profile that this version does
	// not know may cover types that the profile does not name.
	AssumeTypeValueUnknown
	// AssumePasskeyTypeUnknown: a passkey of a type that this version does not
	// know passes a profile that takes both known types.
	AssumePasskeyTypeUnknown
	// AssumeEmptyAllowBlocks: an enforced empty allow list allows nothing.
	AssumeEmptyAllowBlocks
	// AssumeEmptyBlockAllows: an enforced empty block list blocks nothing.
	AssumeEmptyBlockAllows
	// AssumeListTypeUnknown: an enforced list that is neither allow nor block
	// decides nothing.
	AssumeListTypeUnknown
	// AssumeAAGUIDBytes: AAGUIDs written differently name one authenticator.
	AssumeAAGUIDBytes
	// AssumeZeroAAGUID: the all-zero AAGUID is compared like any other.
	AssumeZeroAAGUID
	// AssumeWindowsHello: Windows Hello passkeys work while key restrictions
	// are off, on which Microsoft's sources disagree.
	AssumeWindowsHello
	// AssumeLeftOutKept: properties that a proposal leaves out stay.
	AssumeLeftOutKept
	// AssumeRestrictionsMerged: the same inside keyRestrictions.
	AssumeRestrictionsMerged
	// AssumeCollectionsReplaced: collections in a proposal replace the live
	// ones whole.
	AssumeCollectionsReplaced
	// AssumeLegacyChangesDefault: tenant-wide fields of a proposal change the
	// default profile where there are profiles.
	AssumeLegacyChangesDefault
	// AssumeMigration: which profile becomes the default one when a proposal
	// brings profiles to a tenant without them and names none.
	AssumeMigration

	numAssumptions
)

// descriptions hold one sentence for each assumption, for administrators.
var descriptions = [numAssumptions]string{
	AssumeDisabledBlocks:       "Disabling the Passkey (FIDO2) method also stops passkeys that are already registered.",
	AssumeUnknownStateEnabled:  `The method's state is neither "enabled" nor "disabled" and is read as enabled.`,
	AssumeNestedGroups:         "Members of nested groups count as members of a group that the policy includes or excludes.",
	AssumeUntargetedBlocked:    "People whom no target of the policy includes cannot sign in with passkeys that they registered earlier.",
	AssumeZeroTargetNobody:     "An excluded target with the id 00000000-0000-0000-0000-000000000000 means nobody.",
	AssumeTargetTypeUnknown:    "A target that is neither a group nor a user is handled like a group that could not be read.",
	AssumeDefaultServes:        "Where a target names no passkey profile, the default passkey profile applies.",
	AssumeProfileMissing:       "A target names a passkey profile that the policy does not hold; what hangs on that profile is undecided.",
	AssumeTypesMissing:         "A passkey profile names no passkey types; which types it accepts is taken as not known.",
	AssumeTypeValueUnknown:     "A passkey profile names a passkey type that this version does not know; it may cover further types, so types it does not name are undecided.",
	AssumePasskeyTypeUnknown:   "A passkey of a type that this version does not know passes profiles that accept both device-bound and synced passkeys.",
	AssumeEmptyAllowBlocks:     "An enforced allow list without entries allows no authenticator at all.",
	AssumeEmptyBlockAllows:     "An enforced block list without entries blocks no authenticator.",
	AssumeListTypeUnknown:      `An enforced list whose type is neither "allow" nor "block" leaves it undecided which authenticators pass.`,
	AssumeAAGUIDBytes:          "Letter case and braces of an AAGUID make no difference to Microsoft Entra.",
	AssumeZeroAAGUID:           "The all-zero AAGUID is compared with the list like any other.",
	AssumeWindowsHello:         "Passkeys of Windows Hello work while key restrictions are off; Microsoft's sources disagree whether their AAGUIDs must be allowed explicitly.",
	AssumeLeftOutKept:          "Settings that the proposal leaves out keep their present value.",
	AssumeRestrictionsMerged:   "Settings that the proposal leaves out inside keyRestrictions keep their present value.",
	AssumeCollectionsReplaced:  "Lists in the proposal (targets, profiles, AAGUIDs) replace the present ones as a whole.",
	AssumeLegacyChangesDefault: "Tenant-wide key restrictions or attestation in the proposal change the default passkey profile, since the tenant has profiles.",
	AssumeMigration:            "The proposal brings passkey profiles to a tenant without them; the default profile was picked from them, since the proposal names none.",
}

// Describe says in one sentence, for administrators, what is assumed. It is
// empty for a value that is none of this package's assumptions.
func Describe(a audit.Assumption) string {
	if a >= numAssumptions {
		return ""
	}
	return descriptions[a]
}

// Assumptions lists all assumptions in the order of reports.
func Assumptions() []audit.Assumption {
	all := make([]audit.Assumption, numAssumptions)
	for i := range all {
		all[i] = audit.Assumption(i)
	}
	return all
}
