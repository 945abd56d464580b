package audit

// An Outcome tells what became of reading something: a user's passkeys, or a
// group's members. Only OutcomeRead makes an empty result mean "none".
type Outcome string

// The outcomes.
const (
	// OutcomePending: not asked yet, or interrupted before an answer.
	OutcomePending Outcome = "pending"
	// OutcomeRead: read completely; there may be nothing in it.
	OutcomeRead Outcome = "read"
	// OutcomeGone: deleted since it was listed.
	OutcomeGone Outcome = "gone"
	// OutcomeRefused: Graph refuses it (401, 403).
	OutcomeRefused Outcome = "refused"
	// OutcomeFailed: every attempt failed in another way.
	OutcomeFailed Outcome = "failed"
	// OutcomeOutOfScope: not asked for, since the flags leave it out.
	OutcomeOutOfScope Outcome = "out_of_scope"
)

// Unread reports whether the outcome leaves open what there is: pending,
// refused, failed, and any value that this version does not know.
func (o Outcome) Unread() bool {
	switch o {
	case OutcomeRead, OutcomeGone, OutcomeOutOfScope:
		return false
	}
	return true
}

// A Failure is something that could not be read, and why.
type Failure struct {
	TenantID string
	// What is the kind of thing: "user" (passkeys of a user), "user gone",
	// "group", "users" (the listing), "policy", and so on.
	What string
	// UPN is the userPrincipalName; empty for what is no user.
	UPN string
	// ID is the object's id; empty where it has none.
	ID string
	// Status is the HTTP status of the last answer; 0 where there was none.
	Status int
	// Code and Message are Graph's error code and message, or what the network
	// said. Message is bounded in length and hostile text.
	Code    string
	Message string
	// RequestID is Graph's request-id, for Microsoft's support; without an answer,
	// the client-request-id that was sent; may be empty.
	RequestID string
	// Attempts counts the requests that were made for it.
	Attempts int
}

// The values of Failure.What.
const (
	WhatUser         = "user"
	WhatUserGone     = "user gone"
	WhatUsers        = "users"
	WhatGroup        = "group"
	WhatPolicy       = "policy"
	WhatOrganization = "organization"
	WhatRegistration = "registration report"

	WhatRoles             = "role assignments"
	WhatStrengths         = "authentication strengths"
	WhatConditionalAccess = "Conditional Access policies"
)

// Coverage counts what became of the tenant's users. Listed = Read + Unread +
// Gone + OutOfScope holds whenever the listing is whole.
type Coverage struct {
	// ListingComplete tells whether the last page of users was reached. If
	// not, there are users that nobody has counted.
	ListingComplete bool
	Listed          int
	Read            int
	Unread          int
	Gone            int
	OutOfScope      int
	WithPasskey     int
	WithoutPasskey  int
	// NotLookedAt says in sentences what the chosen scope left out.
	NotLookedAt []string
	// OtherUnread counts failures that are not about one user's passkeys, such
	// as a group that the policy names.
	OtherUnread int
}

// Balanced reports whether every listed user has an outcome that counts.
func (c Coverage) Balanced() bool {
	return c.Listed == c.Read+c.Unread+c.Gone+c.OutOfScope
}

// Complete reports whether nothing that was asked for is missing.
func (c Coverage) Complete() bool {
	return c.ListingComplete && c.Balanced() && c.Unread == 0 && c.OtherUnread == 0
}
