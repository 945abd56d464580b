// Package pace decides who may send a request, and when.
//
// One Scheduler serves one tenant: the quota belongs to the tenant, so a
// refusal pauses everybody who draws on it and not just the one who met it.
// The pace is found and not configured: it starts low, climbs while answers
// are good and fast, and falls back when the service says so. Separate quotas
// (buckets) wait for themselves alone.
//
// The package knows nothing of HTTP, of Microsoft Graph or of what is read. It
// asks any error for a method RetryAfter, Throttled or Temporary. All waiting
// of the program for a quota, and every retry, is decided here.
package pace
