// Package collect carries out the resumable plan of a scan: the policy, then
// the users, spooled page by page, then everybody's passkeys in batches, and
// the groups that decide who is in scope. The registration report, where there
// is one, says whom to read first, or whom alone, and who is an administrator.
//
// What is done and what is left stands in the snapshot, so that a run may be
// killed at any instant and another one goes on. Each user ends with an
// outcome; a failed read is never an empty one.
//
// The package must not know Microsoft Graph's protocol (it speaks to a Source),
// SQLite, how a policy is judged, or any report.
package collect
