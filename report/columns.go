package report

// A Column is declared here once, and every format follows.
type Column struct {
	// Key is the name in CSV files and for machines.
	Key string
	// Heading is the name for people, unique within its table.
	Heading string
	Kind    Kind
	// Width is the width on a sheet in characters.
	Width float64
	// Doc says in a sentence what the column holds.
	Doc string
}

// Detail reports whether the column is for machines and specialists: a page for
// people may leave it out, the workbook and the CSV files never do.
func (c Column) Detail() bool {
	switch c.Key {
	case "reason_code", "passkey_type", "model", "attestation_level", "registrable", "last_used_at", "proposed",
		"tenant_id", "user_id", "passkey_id", "strength_id", "request_id":
		return true
	}
	return false
}

// passkeyColumns are the columns of breaking.csv and passkeys.csv.
func passkeyColumns() []Column {
	return []Column{
		{"impact", "Impact", KindEnum, 15, "What the proposal changes for this passkey: breaks, undecided, already_blocked, restored or unaffected."},
		{"reason_code", "Reason code", KindEnum, 19, "Why the proposal decides so, in one word."},
		{"reason", "Reason", KindFree, 72, "Why the proposal decides so, in a sentence."},
		{"user_principal_name", "User principal name", KindFree, 34, "The user's sign-in name."},
		{"display_name", "Display name", KindFree, 22, "The user's name."},
		{"user_type", "User type", KindFree, 9, "Member or Guest."},
		{"account_enabled", "Account enabled", KindYesNo, 10, "Whether the account is enabled; empty where not known."},
		{"is_admin", "Administrator", KindYesNo, 14, "Whether the user holds an administrator role; empty where not known."},
		{"passkey_name", "Passkey name", KindFree, 22, "The name that the user gave the passkey."},
		{"passkey_type", "Passkey type", KindEnum, 12, "deviceBound or synced; empty where Microsoft Graph does not say."},
		{"authenticator", "Authenticator", KindFree, 34, "The authenticator's name, by its AAGUID."},
		{"aaguid", "AAGUID", KindGUID, 37, "The authenticator model's identifier, in lower case; empty where Microsoft Graph gives none."},
		{"model", "Model", KindFree, 24, "The maker's text for the model, as Microsoft Graph gives it."},
		{"attestation_level", "Attestation level", KindFree, 14, "attested, notAttested, or empty."},
		{"registrable", "Could be registered again", KindYesNo, 14, "Whether it could be registered again under the proposal; empty where undecided. This never changes sign-in."},
		{"created_at", "Registered (UTC)", KindTime, 18, "When the passkey was registered, in UTC."},
		{"last_used_at", "Last used (UTC)", KindTime, 18, "When the passkey was last used, in UTC; empty unless asked for and known. Empty never means that it was not used."},
		{"current", "Live policy", KindEnum, 11, "The verdict under the policy as it is: allowed, blocked or undecided."},
		{"proposed", "Proposed policy", KindEnum, 11, "The verdict under the proposal: allowed, blocked or undecided."},
		{"decided_by", "Decided by", KindFree, 28, "The passkey profile, restriction or target that decided."},
		{"usable_passkeys_left", "Usable passkeys left", KindCount, 12, "How many passkeys of this user the proposal allows."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
		{"passkey_id", "Passkey ID", KindFree, 30, "The passkey's identifier, unique within the user."},
	}
}

// userColumns are the columns of users.csv.
func userColumns() []Column {
	return []Column{
		{"risk", "Risk", KindEnum, 19, "The worst that the proposal does to this user: unread, loses_last_passkey, loses_some, undecided, blocked_already or unaffected."},
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name."},
		{"display_name", "Display name", KindFree, 26, "The user's name."},
		{"user_type", "User type", KindFree, 11, "Member or Guest."},
		{"account_enabled", "Account enabled", KindYesNo, 12, "Whether the account is enabled; empty where not known."},
		{"is_admin", "Administrator", KindYesNo, 14, "Whether the user holds an administrator role; empty where not known."},
		{"passkeys", "Passkeys", KindCount, 10, "How many passkeys the user has; empty where they could not be read."},
		{"usable_now", "Usable now", KindCount, 10, "How many the policy as it is allows, those that are undecided not counted; empty where they could not be read."},
		{"usable_after", "Usable after", KindCount, 10, "How many the proposal allows, those that are undecided not counted; empty where they could not be read."},
		{"breaking", "Breaking", KindCount, 10, "How many break; empty where they could not be read."},
		{"undecided", "Undecided", KindCount, 11, "How many are undecided under the proposal; empty where they could not be read."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
	}
}

// aaguidColumns are the columns of aaguids.csv.
func aaguidColumns() []Column {
	return []Column{
		{"aaguid", "AAGUID", KindGUID, 37, "The authenticator model's identifier; empty for the passkeys without one."},
		{"authenticator", "Authenticator", KindFree, 36, "The authenticator's name."},
		{"vendor", "Vendor", KindFree, 18, "The maker; empty where not known."},
		{"name_source", "Source of the name", KindFree, 15, "Who gives the name; empty where no source knows the AAGUID."},
		{"passkeys", "Passkeys", KindCount, 9, "How many passkeys have it."},
		{"users", "People", KindCount, 9, "How many people have at least one."},
		{"breaking", "Breaking", KindCount, 9, "How many of these passkeys break; those that are undecided are not among them."},
		{"in_current_list", "In live list", KindYesNo, 11, "Whether a list that everybody is under names it in the policy as it is, allow and block lists alike; false too where only a profile for some people does."},
		{"in_proposed_list", "In proposed list", KindYesNo, 11, "Whether a list that everybody is under names it in the proposal, allow and block lists alike; false too where only a profile for some people does: the remarks and the sheet Policy tell which."},
		{"suggested", "In suggested list", KindYesNo, 11, "Whether the suggested allow list names it; the remarks tell where it is not proven what it stands for."},
	}
}

// peopleColumns follow aaguidColumns where people read: the workbook and the
// page. Those on the FIDO Metadata Service are there only if it told anything.
func peopleColumns(certified bool) []Column {
	list := []Column{
		{"allowed_now", "Lists of live policy", KindEnum, 11, "Whether the key restrictions of the policy as it is let it through: allowed, blocked, for_some where that depends on the passkey profile, or undecided."},
		{"allowed_proposed", "Lists of proposal", KindEnum, 11, "Whether the key restrictions of the proposal let it through: allowed, blocked, for_some where that depends on the passkey profile, or undecided."},
	}
	if certified {
		list = append(list,
			Column{"problem", "Warning", KindFree, 24, "What the FIDO Metadata Service warns of; empty where no warning is known."},
			Column{"certification", "Certification", KindFree, 29, "What the FIDO Metadata Service says of its certification; empty where not known."})
	}
	return list
}

// ForPeople reports whether the column is for people alone: CSV files, whose
// columns are a contract, leave it out.
func (c Column) ForPeople() bool {
	switch c.Key {
	case "allowed_now", "allowed_proposed", "problem", "certification":
		return true
	}
	return false
}

// unreadColumns are the columns of unread.csv.
func unreadColumns() []Column {
	return []Column{
		{"what", "What", KindOwn, 18, "What could not be read."},
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name; empty for what is no user."},
		{"id", "ID", KindGUID, 37, "The object's identifier; empty where it has none."},
		{"status", "HTTP status", KindCount, 9, "The HTTP status of the last answer; empty where there was none."},
		{"code", "Error code", KindFree, 30, "Microsoft Graph's error code, or what the network said."},
		{"message", "Message", KindFree, 70, "The error's text."},
		{"request_id", "Request ID", KindGUID, 37, "The request's identifier, for Microsoft's support."},
		{"attempts", "Attempts", KindCount, 10, "How many requests were made for it."},
	}
}

// strengthColumns are the columns of strengths.csv.
func strengthColumns() []Column {
	return []Column{
		{"strength", "Authentication strength", KindFree, 28, "The authentication strength's name."},
		{"strength_id", "Strength ID", KindGUID, 37, "The authentication strength's identifier."},
		{"conditional_access_policy", "Conditional Access policy", KindFree, 34, "The policy that asks for the strength."},
		{"policy_state", "Policy state", KindFree, 26, "The policy's state, as Microsoft Graph gives it; with \"(not certain)\" behind it where it cannot be told whether the policy is for this person, or whether the strength accepts the passkey."},
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name."},
		{"display_name", "Display name", KindFree, 26, "The user's name."},
		{"is_admin", "Administrator", KindYesNo, 14, "Whether the user holds an administrator role; empty where not known."},
		{"passkey_name", "Passkey name", KindFree, 26, "The name that the user gave the passkey."},
		{"authenticator", "Authenticator", KindFree, 34, "The authenticator's name, by its AAGUID."},
		{"aaguid", "AAGUID", KindGUID, 37, "The authenticator model's identifier."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
		{"passkey_id", "Passkey ID", KindFree, 30, "The passkey's identifier."},
	}
}

// outreachColumns are the columns of outreach.csv.
func outreachColumns() []Column {
	return []Column{
		{"priority", "Priority", KindCount, 9, "1 administrators who lose their last working passkey, 2 others who do, 3 disabled accounts that do; 4 administrators who lose some, 5 others who do, 6 disabled accounts that do. Whoever is not known to be an administrator is among the others."},
		{"risk", "Risk", KindEnum, 19, "loses_last_passkey or loses_some."},
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name."},
		{"display_name", "Display name", KindFree, 26, "The user's name."},
		{"user_type", "User type", KindFree, 11, "Member or Guest."},
		{"account_enabled", "Account enabled", KindYesNo, 12, "Whether the account is enabled; empty where not known."},
		{"is_admin", "Administrator", KindYesNo, 14, "Whether the user holds an administrator role; empty where not known."},
		{"what_breaks", "What breaks", KindFree, 60, "The passkeys that stop working, and those for which that is undecided."},
		{"what_still_works", "What still works", KindFree, 60, "The passkeys that go on working."},
		{"register_instead", "Register instead", KindFree, 60, "What the proposal would accept."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
		{"subject", "Subject", KindFree, 40, "The subject of a letter or ticket, in the words of the template."},
		{"message", "Message", KindFree, 80, "What to tell the person, in the words of the template; one line."},
	}
}

// policyColumns are the columns of the sheet Policy.
func policyColumns() []Column {
	return []Column{
		{"section", "Part of the policy", KindFree, 46, "The part of the policy: the method, a passkey profile, or a target."},
		{"setting", "Setting", KindFree, 38, "The setting, or the AAGUID or object that a list names."},
		{"name", "Name", KindFree, 40, "The name of the authenticator or group."},
		{"live", "Live policy", KindFree, 38, "The value in the policy as it is."},
		{"proposed", "Proposed policy", KindFree, 38, "The value in the proposal."},
		{"changed", "Changed", KindYesNo, 10, "Whether the two differ; empty for settings that do not govern, since passkey profiles do."},
		{"members", "Members", KindCount, 10, "How many users a group has, groups within it included; empty where not known."},
	}
}

// runColumns are the columns of the sheet Run.
func runColumns() []Column {
	return []Column{
		{"section", "Section", KindOwn, 22, "What the fact is about."},
		{"name", "Fact", KindFree, 40, "The fact."},
		{"value", "Value", KindFree, 60, "Its value."},
	}
}
