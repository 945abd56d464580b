package graphsim

import (
	"strconv"
	"strings"

	"passkey-audit/audit"
)

// The tenant's domains; contoso and fabrikam are Microsoft's sample companies.
const (
	domain        = "contoso.com"
	initialDomain = "contoso.onmicrosoft.com"
	guestDomain   = "fabrikam.com"
	tenantName    = "Contoso"
)

// What a roll of the dice is about; each gives an independent value.
const (
	aboutAccount uint64 = iota + 1
	aboutEnabled
	aboutAdmin
	aboutCreated
	aboutJob
	aboutPasskeys
	aboutReport
	aboutGroup
	aboutPasskey // and the values above it, one block for each passkey
)

// What was added later, out of the passkeys' way, so that a seed keeps giving the
// users and passkeys that it always gave.
const aboutRoles uint64 = 1 << 15

// A tenant is a pure function of its seed and its size. It is never changed
// after newTenant and so is safe for concurrent use.
type tenant struct {
	seed     uint64
	users    int
	ids      ids
	names    *nameTable
	makers   *makers
	hostile  []string
	tenantID guid
}

func newTenant(seed uint64, users int) *tenant {
	t := &tenant{
		seed: mix(seed), users: users, ids: newIDs(seed), names: newNameTable(seed),
		makers: newMakers(), hostile: hostileNames(),
	}
	t.tenantID = t.ids.seal(kindOther, 0)
	return t
}

// roll gives a value for user i and a subject: the same one each time.
func (t *tenant) roll(i int, about uint64) uint64 {
	return mix(t.seed ^ mix(uint64(i)<<16|about))
}

// chance reports true for perMille of a thousand values.
func chance(roll uint64, perMille uint64) bool { return roll%1000 < perMille }

// An accountKind is what an account is used for.
type accountKind uint8

const (
	accountMember accountKind = iota
	accountGuest
	accountService
	// accountAdmin is a separate account that a person has for administration.
	accountAdmin
	// accountEmergency is a break-glass account.
	accountEmergency
)

// The indices of users that every tenant has, if it is large enough: so that
// also a tenant of fifty users holds what tests and demos look for.
const (
	emergencyFirst  = 2
	emergencySecond = 9
	hostileFirst    = 11
	hostileSecond   = 17
	hostileThird    = 23
	collector       = 31
	sureAdmin       = 5
	surePilot       = 7
	surePilotNested = 13
)

// An account is a user, worked out from the index.
type account struct {
	index         int
	kind          accountKind
	enabled       bool
	admin         bool
	culture       *culture
	given, family name
	number        int
}

// standing gives what user i is, without the name; i must be in 0..users-1.
func (t *tenant) standing(i int) (kind accountKind, enabled, admin bool) {
	switch i {
	case emergencyFirst, emergencySecond:
		return accountEmergency, true, true
	case sureAdmin:
		return accountMember, true, true
	case surePilot, surePilotNested, hostileFirst, hostileSecond, hostileThird, collector:
		return accountMember, true, false
	}
	switch roll := t.roll(i, aboutAccount) % 1000; {
	case roll < 60:
		kind = accountGuest
	case roll < 80:
		kind = accountService
	case roll < 87:
		kind, admin = accountAdmin, true
	default:
		admin = chance(t.roll(i, aboutAdmin), 9)
	}
	return kind, !chance(t.roll(i, aboutEnabled), 80), admin
}

// account works user i out; i must be in 0..users-1.
func (t *tenant) account(i int) account {
	a := account{index: i}
	a.kind, a.enabled, a.admin = t.standing(i)
	a.culture, a.given, a.family, a.number = t.names.of(i)
	return a
}

func (t *tenant) userID(i int) guid { return t.ids.seal(kindUser, i) }

// find gives the index of the user with this object id or user principal name.
func (t *tenant) find(key string) (int, bool) {
	if g, ok := parseGUID(key); ok {
		kind, i, ok := t.ids.open(g)
		return i, ok && kind == kindUser && i < t.users
	}
	i, ok := t.findUPN(strings.ToLower(key))
	if !ok || i >= t.users {
		return 0, false
	}
	a := t.account(i)
	return i, strings.EqualFold(string(a.appendUPN(nil)), key)
}

// findUPN guesses the index from the form of the name; whether that user really
// has this name is for the caller to check.
func (t *tenant) findUPN(upn string) (int, bool) {
	local, _, _ := strings.Cut(upn, "@")
	if rest, ok := strings.CutPrefix(local, "svc-"); ok {
		n, err := strconv.Atoi(rest[strings.LastIndexByte(rest, '-')+1:])
		return n - 1, err == nil && n > 0
	}
	switch local {
	case "emergency-access-1":
		return emergencyFirst, true
	case "emergency-access-2":
		return emergencySecond, true
	}
	local = strings.TrimSuffix(local, "_"+guestDomain+"#ext#")
	local = strings.TrimPrefix(local, "adm.")
	given, family, ok := strings.Cut(local, ".")
	if !ok {
		return 0, false
	}
	letters := strings.TrimRight(family, "0123456789")
	number := 1
	if digits := family[len(letters):]; digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil || n > 1<<20 {
			return 0, false
		}
		number = n
	}
	return t.names.find(given, letters, number)
}

var servicePurposes = [...]string{"backup", "scanner", "signage", "sync", "monitoring", "meetingroom"}

func (a *account) purpose() string { return servicePurposes[a.index%len(servicePurposes)] }

func (a *account) appendMailName(b []byte) []byte {
	b = append(b, a.given.ascii...)
	b = append(b, '.')
	b = append(b, a.family.ascii...)
	if a.number > 1 {
		b = appendInt(b, a.number)
	}
	return b
}

// appendUPN appends the user principal name, which is ASCII and needs no
// escaping in JSON.
func (a *account) appendUPN(b []byte) []byte {
	switch a.kind {
	case accountEmergency:
		if a.index == emergencyFirst {
			return append(b, "emergency-access-1@"+initialDomain...)
		}
		return append(b, "emergency-access-2@"+initialDomain...)
	case accountService:
		b = append(append(append(b, "svc-"...), a.purpose()...), '-')
		return append(appendInt(b, a.index+1), "@"+initialDomain...)
	case accountGuest:
		return append(a.appendMailName(b), "_"+guestDomain+"#EXT#@"+initialDomain...)
	case accountAdmin:
		b = append(b, "adm."...)
	}
	return append(a.appendMailName(b), "@"+domain...)
}

// appendMail appends the mail address as a JSON string, or null.
func (a *account) appendMail(b []byte) []byte {
	switch a.kind {
	case accountMember:
		return append(append(a.appendMailName(append(b, '"')), "@"+domain...), '"')
	case accountGuest:
		return append(append(a.appendMailName(append(b, '"')), "@"+guestDomain...), '"')
	}
	return append(b, "null"...)
}

// hostileDisplayName is the name of the user hostileThird: an account's display
// name is somebody's input as much as a passkey's name is.
const hostileDisplayName = `=1+1 <b>"Test"</b> account`

// appendDisplayName appends the display name; it may need escaping.
func (a *account) appendDisplayName(b []byte) []byte {
	switch {
	case a.index == hostileThird:
		return append(b, hostileDisplayName...)
	case a.kind == accountEmergency && a.index == emergencyFirst:
		return append(b, "Emergency access 1"...)
	case a.kind == accountEmergency:
		return append(b, "Emergency access 2"...)
	case a.kind == accountService:
		b = append(append(append(b, "svc-"...), a.purpose()...), '-')
		return appendInt(b, a.index+1)
	}
	first, second := a.given.shown, a.family.shown
	if a.culture.familyFirst {
		first, second = second, first
	}
	b = append(append(append(b, first...), a.culture.separator...), second...)
	switch a.kind {
	case accountAdmin:
		b = append(b, " (Admin)"...)
	case accountGuest:
		b = append(b, " (Fabrikam)"...)
	}
	return b
}

func (a *account) person() bool { return a.kind != accountService && a.kind != accountEmergency }

func (a *account) userType() string {
	if a.kind == accountGuest {
		return "Guest"
	}
	return "Member"
}

// created is the time at which the account was made.
func (t *tenant) created(i int) moment {
	roll := t.roll(i, aboutCreated)
	return moment{unix: since(2012, 1) + int64(roll%uint64(now()-since(2012, 1)))}
}

// user gives what a perfect reader of the tenant would know of user i.
func (t *tenant) user(i int) audit.User {
	a := t.account(i)
	return audit.User{
		TenantID: t.tenantID.String(), ID: t.userID(i).String(),
		UPN: string(a.appendUPN(nil)), DisplayName: string(a.appendDisplayName(nil)),
		Type: a.userType(), Enabled: audit.TernaryOf(a.enabled), Admin: audit.TernaryOf(a.admin),
	}
}
