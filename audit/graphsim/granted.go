package graphsim

import (
	"net/http"
	"slices"
	"strings"
)

// hiddenMembers is the permission that group members stay hidden without.
const hiddenMembers = "Member.Read.Hidden"

// permissionsFor gives the application permissions of which one is enough for a
// kind of request, the least first (Graph documentation, the tables of
// permissions of each request).
func permissionsFor(on On) []string {
	switch on {
	case OnOrganization:
		return []string{"Organization.Read.All", "Directory.Read.All"}
	case OnUsers, OnUser:
		return []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}
	case OnMethods:
		return []string{"UserAuthMethod-Passkey.Read.All", "UserAuthenticationMethod.Read.All", "UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"}
	case OnPolicy, OnStrengths:
		return []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"}
	case OnConditionalAccess:
		return []string{"Policy.Read.All"}
	case OnGroup, OnMembers:
		return []string{"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}
	case OnReport:
		return []string{"AuditLog.Read.All"}
	case OnRoles:
		return []string{"RoleManagement.Read.Directory", "RoleManagement.Read.All", "Directory.Read.All"}
	}
	return nil
}

// holds reports whether a permission was granted; without a list, each was.
func (s *Server) holds(permission string) bool {
	return s.options.Granted == nil || slices.ContainsFunc(s.options.Granted, func(g string) bool { return strings.EqualFold(g, permission) })
}

// permitted answers with 403, and reports false, where no permission for the
// request was granted. Each backend has words of its own: those of the
// documentation's examples, and as reported in public issue threads.
func (s *Server) permitted(on On, p *reply) bool {
	least := permissionsFor(on)
	if len(least) == 0 || slices.ContainsFunc(least, s.holds) {
		return true
	}
	switch on {
	case OnMethods:
		p.failAs("innererror", http.StatusForbidden, "accessDenied", "Request Authorization failed")
	case OnPolicy, OnStrengths, OnConditionalAccess:
		p.fail(http.StatusForbidden, "AccessDenied", "You cannot perform the requested operation, required scopes are missing in the token.")
	case OnReport:
		p.fail(http.StatusForbidden, "Authentication_MSGraphPermissionMissing", "Calling principal does not have required MSGraph permissions "+least[0])
	default:
		p.fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	}
	return false
}
