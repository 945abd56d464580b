package audit

// A Membership is a user's place in a group.
type Membership struct {
	// GroupID is the group's id in lower case.
	GroupID string
	// Nested tells whether the user is in the group through another group
	// alone: No for a direct member, Unknown where direct members were not read.
	Nested Ternary
}

// A RoleAssignment is an active assignment of a directory role
// (unifiedRoleAssignment). One to a group holds for the group's members.
type RoleAssignment struct {
	// PrincipalID is the id of whoever holds the role, and PrincipalType what
	// that is: "user", "group", "servicePrincipal", or any other word as sent
	// after "#microsoft.graph."; empty where it was not sent.
	PrincipalID, PrincipalType string
	// RoleID is the id of the role's definition; for built-in roles that is the
	// template's id, which Conditional Access names.
	RoleID string
	// Scope is directoryScopeId: "/" for the whole tenant.
	Scope string
}

// A RolePage is one page of role assignments.
type RolePage struct {
	Assignments []RoleAssignment
	// Next is the opaque link to the next page, whole as sent; empty on the
	// last page.
	Next string
	Load Load
}

// An ItemPage is one page of a collection that is kept as Graph sent it.
type ItemPage struct {
	// Items are JSON objects, byte for byte as sent.
	Items [][]byte
	// Next is the opaque link to the next page, whole as sent; empty on the
	// last page.
	Next string
	Load Load
}
