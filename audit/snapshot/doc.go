// Package snapshot keeps everything that was read of a tenant in one SQLite
// file: the policy as Graph sent it, users and what became of each, passkeys,
// groups and failures. The same file is the ledger from which an interrupted
// scan goes on, and the evidence that a report can be made from again.
//
// It is the only home of SQLite. It must not know Microsoft Graph, how a policy
// is judged, or any report format. "What is left to read" is a query, never a
// list in memory.
package snapshot
