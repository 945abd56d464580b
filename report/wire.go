package report

// The forms of the figures in summary.json.

// SummaryUsers is the form of UserFigures. A count of administrators is null
// where the role of any of those people is not known; then AtLeast is the lower
// bound, null too if nothing is known.
type SummaryUsers struct {
	Listed         int `json:"listed"`
	Read           int `json:"read"`
	Unread         int `json:"unread"`
	Gone           int `json:"gone"`
	OutOfScope     int `json:"out_of_scope"`
	WithPasskey    int `json:"with_passkey"`
	WithoutPasskey int `json:"without_passkey"`

	LosingLast              int  `json:"losing_last_passkey"`
	LosingLastAdmins        *int `json:"losing_last_passkey_administrators"`
	LosingLastAdminsAtLeast *int `json:"losing_last_passkey_administrators_at_least"`
	LosingLastAdminUnknown  int  `json:"losing_last_passkey_administrator_unknown"`
	LosingLastUndecided     int  `json:"losing_last_passkey_undecided"`

	LosingSome              int  `json:"losing_some"`
	LosingSomeNoneLeft      int  `json:"losing_some_none_left"`
	LosingSomeAdmins        *int `json:"losing_some_administrators"`
	LosingSomeAdminsAtLeast *int `json:"losing_some_administrators_at_least"`
	LosingSomeAdminUnknown  int  `json:"losing_some_administrator_unknown"`

	Unjudged       int `json:"unjudged"`
	Undecided      int `json:"undecided"`
	Breaking       int `json:"with_breaking_passkey"`
	BlockedAlready int `json:"blocked_already"`
	Unaffected     int `json:"unaffected"`

	// RolesKnown is "all", "some" or "none": why counts of administrators are
	// null.
	RolesKnown                  string `json:"roles_known"`
	Administrators              *int   `json:"administrators"`
	AdministratorsAtLeast       *int   `json:"administrators_at_least"`
	AdministratorUnknown        int    `json:"administrator_unknown"`
	AdministratorsUnread        *int   `json:"administrators_unread"`
	AdministratorsUnreadAtLeast *int   `json:"administrators_unread_at_least"`
	AdministratorUnreadUnknown  int    `json:"administrator_unread_unknown"`
}

func summaryUsers(f *UserFigures) SummaryUsers {
	return SummaryUsers{
		Listed: f.Listed, Read: f.Read, Unread: f.Unread, Gone: f.Gone, OutOfScope: f.OutOfScope,
		WithPasskey: f.WithPasskey, WithoutPasskey: f.WithoutPasskey,

		LosingLast: f.LosingLast, LosingLastUndecided: f.LosingLastUndecided,
		LosingLastAdmins: f.LosingLastAdmins.exact(), LosingLastAdminsAtLeast: f.LosingLastAdmins.atLeast(),
		LosingLastAdminUnknown: f.LosingLastAdmins.Unknown,

		LosingSome: f.LosingSome, LosingSomeNoneLeft: f.LosingSomeNoneLeft,
		LosingSomeAdmins: f.LosingSomeAdmins.exact(), LosingSomeAdminsAtLeast: f.LosingSomeAdmins.atLeast(),
		LosingSomeAdminUnknown: f.LosingSomeAdmins.Unknown,

		Unjudged: f.Unjudged, Undecided: f.Undecided, Breaking: f.Breaking, BlockedAlready: f.BlockedAlready, Unaffected: f.Unaffected,

		RolesKnown:     rolesKnown(f.Administrators),
		Administrators: f.Administrators.exact(), AdministratorsAtLeast: f.Administrators.atLeast(),
		AdministratorUnknown: f.Administrators.Unknown,
		AdministratorsUnread: f.AdministratorsUnread.exact(), AdministratorsUnreadAtLeast: f.AdministratorsUnread.atLeast(),
		AdministratorUnreadUnknown: f.AdministratorsUnread.Unknown,
	}
}

// rolesKnown tells of how many users the role is known.
func rolesKnown(t Tally) string {
	switch {
	case t.NothingKnown():
		return "none"
	case t.Exact():
		return "all"
	}
	return "some"
}

// SummaryPasskeys is the form of PasskeyFigures. NotRegistrable is null where
// it is not known of any allowed passkey whether it could be registered again.
type SummaryPasskeys struct {
	Total                 int  `json:"total"`
	Breaks                int  `json:"breaks"`
	AlreadyBlocked        int  `json:"already_blocked"`
	Restored              int  `json:"restored"`
	Unaffected            int  `json:"unaffected"`
	Undecided             int  `json:"undecided"`
	NotRegistrable        *int `json:"allowed_not_registrable"`
	NotRegistrableAtLeast *int `json:"allowed_not_registrable_at_least"`
	RegistrableUnknown    int  `json:"allowed_registrable_unknown"`
}

func summaryPasskeys(f *PasskeyFigures) SummaryPasskeys {
	return SummaryPasskeys{
		Total: f.Total, Breaks: f.Breaks, AlreadyBlocked: f.AlreadyBlocked, Restored: f.Restored, Unaffected: f.Unaffected, Undecided: f.Undecided,
		NotRegistrable: f.NotRegistrable.exact(), NotRegistrableAtLeast: f.NotRegistrable.atLeast(), RegistrableUnknown: f.NotRegistrable.Unknown,
	}
}

// SummaryProposal is the form of ProposalFigures.
type SummaryProposal struct {
	Name     string          `json:"name"`
	Passkeys SummaryPasskeys `json:"passkeys"`

	Breaking                int  `json:"people_with_breaking_passkey"`
	LosingLast              int  `json:"losing_last_passkey"`
	LosingLastAdmins        *int `json:"losing_last_passkey_administrators"`
	LosingLastAdminsAtLeast *int `json:"losing_last_passkey_administrators_at_least"`
	LosingLastAdminUnknown  int  `json:"losing_last_passkey_administrator_unknown"`
	LosingLastUndecided     int  `json:"losing_last_passkey_undecided"`
	LosingSome              int  `json:"losing_some"`
	Unjudged                int  `json:"unjudged"`
	Undecided               int  `json:"undecided"`

	Changes           []string            `json:"changes"`
	Notes             []string            `json:"notes"`
	AssumptionDetails []SummaryAssumption `json:"assumption_details"`
}

func summaryProposal(f *ProposalFigures) SummaryProposal {
	u := &f.Users
	return SummaryProposal{
		Name: f.Name, Passkeys: summaryPasskeys(&f.Passkeys), Breaking: u.Breaking, LosingLast: u.LosingLast,
		LosingLastAdmins: u.LosingLastAdmins.exact(), LosingLastAdminsAtLeast: u.LosingLastAdmins.atLeast(),
		LosingLastAdminUnknown: u.LosingLastAdmins.Unknown, LosingLastUndecided: u.LosingLastUndecided,
		LosingSome: u.LosingSome, Unjudged: u.Unjudged, Undecided: u.Undecided,
		Changes: append([]string{}, f.Changes...), Notes: append([]string{}, f.Notes...), AssumptionDetails: summaryAssumptions(f.Assumptions),
	}
}

func summaryAssumptions(list []Assumption) []SummaryAssumption {
	out := make([]SummaryAssumption, len(list))
	for i, a := range list {
		out[i] = SummaryAssumption(a)
	}
	return out
}

// SummarySuggested is an AAGUID of the suggested allow list of which it is not
// proven what it stands for.
type SummarySuggested struct {
	AAGUID        string   `json:"aaguid"`
	Authenticator string   `json:"authenticator"`
	Passkeys      int      `json:"passkeys"`
	People        int      `json:"people"`
	Reason        Unproven `json:"reason"`
}
