package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"passkey-audit/audit/graph"
)

// How much a scan needs a permission.
const (
	needRequired = "required"
	needOptional = "optional"
	// needSpecial is for tenants with something special, and for nobody else.
	needSpecial = "special"
)

// A permission is one of Microsoft Graph that a scan uses. All of them only read.
type permission struct {
	Name string `json:"name"`
	Need string `json:"need"`
	// AppRoleID is the id of the application permission, the same in all tenants.
	AppRoleID string `json:"app_role_id"`
	// Why says what is read with it, Without what happens if it is missing.
	Why     string `json:"why"`
	Without string `json:"without"`
	// Wider are permissions that serve as well and allow more.
	Wider []string `json:"wider,omitempty"`
}

// The permissions that the code names.
const (
	permPasskeys     = "UserAuthMethod-Passkey.Read.All"
	permUsers        = "User.Read.All"
	permPolicy       = "Policy.Read.AuthenticationMethod"
	permGroups       = "GroupMember.Read.All"
	permRoles        = "RoleManagement.Read.Directory"
	permReport       = "AuditLog.Read.All"
	permAccess       = "Policy.Read.All"
	permOrganization = "Organization.Read.All"
	permHidden       = "Member.Read.Hidden"
)

// permissions gives what a scan uses, required ones first. README.md and the
// help show the same table.
//
// Which permission is the least: the permission tables of each request in
// Microsoft's Graph documentation. The ids of app roles: Microsoft Graph
// permissions reference, and public app registrations that agree with it.
func permissions() []permission {
	return []permission{
		{
			Name: permPasskeys, Need: needRequired, AppRoleID: "72e00c1d-3e3d-43bb-a0b9-c435611bb1d2",
			Why: "everybody's passkeys", Without: "the scan stops before it writes anything, exit status 5",
			Wider: []string{"UserAuthenticationMethod.Read.All"},
		},
		{
			Name: permUsers, Need: needRequired, AppRoleID: "df021288-bdef-4463-88db-98f22de89214",
			Why: "the list of users", Without: "the scan stops before it writes anything, exit status 5",
			Wider: []string{"Directory.Read.All"},
		},
		{
			Name: permPolicy, Need: needRequired, AppRoleID: "8e3bc81b-d2f3-4b7b-838c-32c88218d2f0",
			Why: "the passkey policy, and authentication strengths", Without: "the scan stops before it writes anything, exit status 5",
			Wider: []string{permAccess},
		},
		{
			Name: permGroups, Need: needOptional, AppRoleID: "98830695-27a2-44f7-8c18-0c3ebc9698f6",
			Why: "who is in the groups that the policy or Conditional Access names, in groups that carry a role, and in those of `--group`",
			Without: "verdicts that hang on a group are undecided, `strengths.csv` lacks whoever is chosen by a group, " +
				"the group stands in `unread.csv`, exit status 4; with `--group` the scan stops, exit status 5",
			Wider: []string{"Group.Read.All", "Directory.Read.All"},
		},
		{
			Name: permRoles, Need: needOptional, AppRoleID: "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
			Why:     "who is an administrator",
			Without: "`is_admin` comes from the registration report alone, which does not list disabled accounts; the workbook and the page say so",
			Wider:   []string{"Directory.Read.All"},
		},
		{
			Name: permReport, Need: needOptional, AppRoleID: "b0afded3-3588-46d8-8b3d-9842eff778da",
			Why:     "the registration report: whom to read first, `--users registered`, and who is an administrator where roles cannot be read",
			Without: "likely holders are not read first; `--users registered` stops, exit status 5",
		},
		{
			Name: permAccess, Need: needOptional, AppRoleID: "246dd0d5-5bd0-4def-940b-0421030a5b68",
			Why:     "Conditional Access policies that ask for an authentication strength with a list of AAGUIDs",
			Without: "`strengths.csv` stays empty and the summary says why",
		},
		{
			Name: permOrganization, Need: needOptional, AppRoleID: "498476ce-e0fe-48b0-b801-37ba7e2685c6",
			Why: "the tenant's name and domains", Without: "the tenant's ID stands in their place",
			Wider: []string{"Directory.Read.All"},
		},
		{
			Name: permHidden, Need: needSpecial, AppRoleID: "658aa5d8-239f-45c4-aa12-864f4fc7e490",
			Why:     "the members of such groups as hide their members",
			Without: "nothing, unless one of the groups above hides its members: it then counts as one that cannot be read",
		},
	}
}

// permissionNamed gives a permission of the table.
func permissionNamed(name string) permission {
	all := permissions()
	return all[slices.IndexFunc(all, func(p permission) bool { return p.Name == name })]
}

// holdsPermission reports whether a token's permissions cover p.
func holdsPermission(granted []string, p permission) bool {
	return slices.ContainsFunc(granted, func(g string) bool {
		if strings.EqualFold(g, p.Name) {
			return true
		}
		for _, w := range append(p.Wider[:len(p.Wider):len(p.Wider)], withWrite(p)...) {
			if strings.EqualFold(g, w) {
				return true
			}
		}
		return false
	})
}

// withWrite gives what p and what is wider are called where they also write.
func withWrite(p permission) []string {
	var out []string
	for _, name := range append([]string{p.Name}, p.Wider...) {
		if written := strings.Replace(name, ".Read.", ".ReadWrite.", 1); written != name {
			out = append(out, written)
		}
	}
	return out
}

// writing gives those permissions that allow more than to read. What does not
// say that it only reads counts as one.
func writing(granted []string) []string {
	var out []string
	for _, g := range granted {
		switch strings.ToLower(g) {
		case "openid", "profile", "email", "offline_access":
			continue
		}
		reads := false
		for _, part := range strings.Split(g, ".") {
			reads = reads || strings.EqualFold(part, "Read") || strings.EqualFold(part, "ReadBasic")
		}
		if !reads {
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return out
}

// The template ids of the directory roles that matter, the same in all tenants
// (Microsoft Entra built-in roles).
const (
	roleGlobalReader       = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
	roleGlobalAdmin        = "62e90394-69f5-4237-9190-012177145e10"
	rolePrivilegedAuth     = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
	roleAuthenticationOnly = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
)

// roleAdvice is what delegated sign-in needs besides scopes.
const roleAdvice = "Signed in as a person: the same names as scopes, and the person needs the directory role Global Reader. " +
	"Authentication Administrator is not enough: it may be refused the passkeys of administrators."

// roleNote says what a person's directory roles mean; empty where they are fine
// or not known.
func roleNote(g graph.Grants) string {
	if !g.Delegated || len(g.DirectoryRoles) == 0 {
		return ""
	}
	has := func(id string) bool { return slices.Contains(g.DirectoryRoles, id) }
	switch {
	case has(roleGlobalReader), has(roleGlobalAdmin):
		return ""
	case has(rolePrivilegedAuth):
		return "the signed-in person is Privileged Authentication Administrator, which reads passkeys; Global Reader reads them and can change nothing"
	case has(roleAuthenticationOnly):
		return "the signed-in person is Authentication Administrator, who may be refused the passkeys of administrators: Global Reader reads all"
	}
	return "the signed-in person needs the directory role Global Reader"
}

// graphAppID is the application id of Microsoft Graph in all clouds.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// A registration is what the ready commands are made of.
type appRegistration struct {
	cloud            graph.Cloud
	tenant, clientID string
	names            []string
	delegated        bool
}

// tenantPattern is what a tenant's id or domain may look like: nothing that
// would mean something in a command or an address.
var tenantPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// consentURL is where an administrator grants the permissions that the app
// registration names.
func (a appRegistration) consentURL() string {
	return orElse(a.cloud.Authority, "https://AUTHORITY") + "/" + url.PathEscape(orElse(a.tenant, "TENANT")) + "/adminconsent?client_id=" + url.QueryEscape(orElse(a.clientID, "CLIENT_ID"))
}

// azureCLI gives commands that register an app with just these permissions. Ids
// are looked up by name, so that nothing is granted by a mistyped id.
func (a appRegistration) azureCLI() string {
	kind, list, create := "Role", "appRoles", ""
	if a.delegated {
		kind, list, create = "Scope", "oauth2PermissionScopes", " --is-fallback-public-client true --public-client-redirect-uris http://localhost"
	}
	var b strings.Builder
	if name := map[string]string{"usgov": "AzureUSGovernment", "dod": "AzureUSGovernment", "china": "AzureChinaCloud"}[a.cloud.Name]; name != "" {
		fmt.Fprintf(&b, "az cloud set --name %s\n", name)
	}
	fmt.Fprintf(&b, "az login --tenant %s --allow-no-subscriptions\n", orElse(a.tenant, "TENANT"))
	fmt.Fprintf(&b, "APP=$(az ad app create --display-name passkey-audit --sign-in-audience AzureADMyOrg%s --query appId --output tsv)\n", create)
	b.WriteString("az ad sp create --id \"$APP\"\n")
	fmt.Fprintf(&b, "for NAME in %s; do\n", strings.Join(a.names, " "))
	fmt.Fprintf(&b, "  ID=$(az ad sp show --id %s --query \"%s[?value=='$NAME'].id\" --output tsv)\n", graphAppID, list)
	fmt.Fprintf(&b, "  az ad app permission add --id \"$APP\" --api %s --api-permissions \"$ID=%s\"\n", graphAppID, kind)
	b.WriteString("done\naz ad app permission admin-consent --id \"$APP\"\n")
	if !a.delegated {
		b.WriteString("az ad app credential reset --id \"$APP\" --append --create-cert\n")
	}
	b.WriteString("echo \"client id: $APP\"\n")
	return b.String()
}

// powerShell gives the same for Microsoft Graph PowerShell.
func (a appRegistration) powerShell() string {
	quoted := make([]string, len(a.names))
	for i, n := range a.names {
		quoted[i] = "'" + n + "'"
	}
	environment := ""
	if name := map[string]string{"usgov": "USGov", "dod": "USGovDoD", "china": "China"}[a.cloud.Name]; name != "" {
		environment = " -Environment " + name
	}
	lines := []string{
		fmt.Sprintf("Connect-MgGraph%s -TenantId %s -Scopes Application.ReadWrite.All, %s", environment, orElse(a.tenant, "TENANT"),
			map[bool]string{false: "AppRoleAssignment.ReadWrite.All", true: "DelegatedPermissionGrant.ReadWrite.All"}[a.delegated]),
		"$names = " + strings.Join(quoted, ", "),
		"$graph = Get-MgServicePrincipal -Filter \"appId eq '" + graphAppID + "'\"",
	}
	if a.delegated {
		lines = append(lines,
			"$access = @($graph.Oauth2PermissionScopes | Where-Object { $_.Value -in $names } | ForEach-Object { @{ Id = $_.Id; Type = 'Scope' } })",
			"$app = New-MgApplication -DisplayName passkey-audit -SignInAudience AzureADMyOrg -IsFallbackPublicClient -PublicClient @{ RedirectUris = @('http://localhost') } -RequiredResourceAccess @{ ResourceAppId = $graph.AppId; ResourceAccess = $access }",
			"$principal = New-MgServicePrincipal -AppId $app.AppId",
			"New-MgOauth2PermissionGrant -ClientId $principal.Id -ConsentType AllPrincipals -ResourceId $graph.Id -Scope ($names -join ' ')",
		)
	} else {
		lines = append(lines,
			"$roles = @($graph.AppRoles | Where-Object { $_.Value -in $names -and $_.AllowedMemberTypes -contains 'Application' })",
			"$access = @($roles | ForEach-Object { @{ Id = $_.Id; Type = 'Role' } })",
			"$app = New-MgApplication -DisplayName passkey-audit -SignInAudience AzureADMyOrg -RequiredResourceAccess @{ ResourceAppId = $graph.AppId; ResourceAccess = $access }",
			"$principal = New-MgServicePrincipal -AppId $app.AppId",
			"# For a managed identity begin here: $principal = Get-MgServicePrincipal -ServicePrincipalId OBJECT_ID",
			"foreach ($role in $roles) { New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $principal.Id -PrincipalId $principal.Id -ResourceId $graph.Id -AppRoleId $role.Id }",
		)
	}
	return strings.Join(append(lines, "\"client id: $($app.AppId)\""), "\n") + "\n"
}
