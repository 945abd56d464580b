package audit

// A Tenant is a Microsoft Entra organisation.
type Tenant struct {
	// ID is the tenant's GUID in lower case.
	ID string
	// Name is the organisation's display name; hostile text, like all names.
	Name string
	// Domain is the default verified domain, such as contoso.com; may be empty.
	Domain string
}

// A User is an account of the tenant: a member or a guest, enabled or not.
type User struct {
	// TenantID is the tenant's GUID.
	TenantID string
	// ID is the user's object id. It is opaque; Graph gives GUIDs.
	ID string
	// UPN is the userPrincipalName.
	UPN         string
	DisplayName string
	// Type is Graph's userType, "Member" or "Guest" as sent; empty where Graph
	// left it out.
	Type string
	// Enabled is accountEnabled.
	Enabled Ternary
	// Admin tells whether the user holds an administrator role; Unknown where
	// nothing that was read says so.
	Admin Ternary
}

// A Group is a group that the policy or the scope names.
type Group struct {
	ID string
	// Name is the displayName; empty where it could not be read.
	Name string
	// Outcome tells whether the members are known. With any other value than
	// OutcomeRead the members are unknown, not none.
	Outcome Outcome
	// Members counts the users among the transitive members; meaningful with
	// OutcomeRead alone.
	Members int
	// Failure is set where Outcome is neither OutcomeRead nor OutcomePending.
	Failure *Failure
}

// A UserPage is one page of the user listing.
type UserPage struct {
	Users []User
	// Next is the opaque link to the next page, whole as sent; empty on the
	// last page. A page may be empty and still have a next one.
	Next string
	Load Load
}

// A MemberPage is one page of a group's transitive members.
type MemberPage struct {
	// UserIDs are the object ids of those members that are users.
	UserIDs []string
	Next    string
	Load    Load
}

// A Load is what Microsoft Graph said of its quota along with an answer.
type Load struct {
	// Units is x-ms-resource-unit, the price of the answer; 0 if not sent.
	Units int
	// Percentage is x-ms-throttle-limit-percentage, which Graph sends from 0.8
	// on: 1.0 is the limit; 0 if not sent.
	Percentage float64
}

// A MethodsBatch holds the answers to one batch of reads of passkeys.
type MethodsBatch struct {
	// Answers are in the order of the users that were asked for, one for each.
	Answers []MethodsAnswer
	Load    Load
}

// A MethodsAnswer holds one user's passkeys, or the error instead. Passkeys
// means nothing where Err is not nil.
type MethodsAnswer struct {
	Passkeys []Passkey
	Err      error
}
