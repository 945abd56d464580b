package graphsim

import "time"

// On names kinds of requests. The values are bits and can be joined with |. Apart
// from OnBatch they mean a direct request and an item of a $batch alike.
type On uint16

// The kinds of requests.
const (
	OnOrganization On = 1 << iota
	// OnUsers is the listing of users.
	OnUsers
	// OnUser is one user.
	OnUser
	// OnMethods are one user's passkeys.
	OnMethods
	OnPolicy
	OnGroup
	// OnMembers are a group's members, direct or transitive.
	OnMembers
	// OnReport is the registration report.
	OnReport
	// OnBatch is a $batch as a whole, not its items.
	OnBatch
	// OnRoles are the role assignments, OnStrengths the authentication strengths
	// and OnConditionalAccess the Conditional Access policies.
	OnRoles
	OnStrengths
	OnConditionalAccess

	OnAny = 1<<iota - 1
)

// A FaultKind is a way in which an answer can go wrong.
type FaultKind int

// The kinds of faults. Those of a page (FaultNoValue and the next four) leave
// answers alone that are no collection.
const (
	FaultNone FaultKind = iota
	// FaultStatus answers with Fault.Status, and a body by Fault.Body.
	FaultStatus
	// FaultOutage answers 429 to the whole tenant for Fault.For from now on.
	FaultOutage
	// FaultMissing leaves an item out of the answer to its $batch. A request on
	// its own is answered as by FaultReset.
	FaultMissing
	// FaultErrorBody answers 200 with the body of an error.
	FaultErrorBody
	// FaultEmptyBody answers 200 with no body (null in a $batch).
	FaultEmptyBody
	// FaultNoValue leaves "value" (or a batch's "responses") out.
	FaultNoValue
	// FaultEmptyPage gives an empty page that links to the one asked for.
	FaultEmptyPage
	// FaultRepeatLink gives the right page with a link to itself.
	FaultRepeatLink
	// FaultForeignLink gives the right page with a link to another host.
	FaultForeignLink
	// FaultExpired answers 400 Directory_ExpiredPageToken; all page tokens of
	// this kind of listing that were given out until now stay expired, so that
	// only starting it again helps. A first page, which has none, is left alone.
	FaultExpired
	// FaultCut answers 200 with a body that ends in the middle of the JSON, the
	// HTTP being in order.
	FaultCut
	// FaultReset ends the connection without an answer.
	FaultReset
	// FaultBreak ends the connection in the middle of the body.
	FaultBreak
	// FaultHang never answers: it waits until the request is cancelled.
	FaultHang
	// FaultSlow answers rightly, but Fault.For later.
	FaultSlow
)

// A BodyForm is what the body of a FaultStatus looks like.
type BodyForm int

// The forms of bodies.
const (
	// BodyError is Graph's error in JSON.
	BodyError BodyForm = iota
	// BodyNone is no body (null in a $batch).
	BodyNone
	// BodyHTML is a gateway's page.
	BodyHTML
)

// A RetryForm says how a 429 or 503 states how long to wait.
type RetryForm int

// The forms of Retry-After.
const (
	// RetryNone leaves the header out.
	RetryNone RetryForm = iota
	// RetrySeconds is a number of seconds.
	RetrySeconds
	// RetryDate is an HTTP date, which is good to the second: the wait is rounded
	// up so that it is never shorter than Fault.Wait.
	RetryDate
)

// A Fault is something that goes wrong with one answer.
type Fault struct {
	Kind FaultKind
	// Status, Body, Retry and Wait are for FaultStatus; Retry and Wait also for
	// FaultOutage, where a Wait of zero means the rest of the outage.
	Status int
	Body   BodyForm
	Retry  RetryForm
	Wait   time.Duration
	// Code and Message replace those that Graph would use for the status.
	Code, Message string
	// For is how long a FaultOutage or a FaultSlow lasts.
	For time.Duration
}

// A Rule says which requests meet a fault. A request that fits several rules
// meets the first one that is not used up.
type Rule struct {
	// On says which kinds of requests; zero means OnAny.
	On On
	// Users and Groups are indices (as in Server.User and Server.Groups) and
	// Pages the numbers of pages, from 0; nil means any. A rule with Users fits
	// only requests about one user, and so on.
	Users, Groups, Pages []int
	// Path is a part of the path behind the version, such as "/members/" for direct
	// members by type; empty means any.
	Path string
	// Times says how often the rule works; zero means for ever.
	Times int
	// After says how many fitting requests pass before it begins to work.
	After int
	// Each makes After and Times count for each user, group and page alone
	// instead of for all of them together.
	Each  bool
	Fault Fault
}

// A Plan decides what goes wrong: by rules, and at random beside them. The zero
// Plan is a tenant without faults.
type Plan struct {
	// Every makes about one answer in that many fail in a way that a caller can
	// get over by asking again, the way for ever changing; zero means none. Both a
	// $batch as a whole and each item of it are answers. What fails is a function
	// of the seed, of what is asked for and of the attempt; nothing fails more
	// than twice in a row.
	Every int
	Rules []Rule
}

// FaultsNone is the plan of a service in perfect health.
func FaultsNone() Plan { return Plan{} }

// FaultsSome makes one answer in a hundred fail.
func FaultsSome() Plan { return Plan{Every: 100} }

// FaultsMany makes one answer in ten fail, and the token of the second page of
// users expire once. Nothing is lost for a caller who asks again.
func FaultsMany() Plan {
	return Plan{Every: 10, Rules: []Rule{
		{On: OnUsers, Pages: []int{1}, Times: 1, Fault: Fault{Kind: FaultExpired}},
	}}
}

// randomFault gives the fault of a random plan. Only those are among them that
// asking again cures, and that need no new sign-in.
func randomFault(roll uint64, item bool) Fault {
	const second = time.Second
	list := []Fault{
		{Kind: FaultStatus, Status: 429, Retry: RetrySeconds, Wait: second},
		{Kind: FaultStatus, Status: 429, Retry: RetryDate, Wait: second},
		{Kind: FaultStatus, Status: 429},
		{Kind: FaultStatus, Status: 500},
		{Kind: FaultStatus, Status: 500, Body: BodyNone},
		{Kind: FaultStatus, Status: 502, Body: BodyHTML},
		{Kind: FaultStatus, Status: 503, Body: BodyNone},
		{Kind: FaultStatus, Status: 503, Retry: RetrySeconds, Wait: second},
		{Kind: FaultStatus, Status: 504},
		{Kind: FaultErrorBody},
		{Kind: FaultEmptyBody},
		{Kind: FaultNoValue},
		{Kind: FaultEmptyPage},
	}
	if item {
		list = append(list, Fault{Kind: FaultMissing}, Fault{Kind: FaultMissing}, Fault{Kind: FaultStatus, Status: 424})
	} else {
		list = append(list, Fault{Kind: FaultCut}, Fault{Kind: FaultReset}, Fault{Kind: FaultBreak}, Fault{Kind: FaultSlow, For: second})
	}
	return list[roll%uint64(len(list))]
}
