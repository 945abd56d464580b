// Package audit is the vocabulary of passkey-audit: tenants, users, passkeys,
// policies, outcomes, verdicts and coverage, in the terms of Microsoft Graph
// and FIDO.
//
// It holds types and small pure functions on them, imports the standard
// library alone and does no input or output. It must not know Microsoft
// Graph's protocol, SQLite, any report format or the terminal; every other
// package may import it, and so it may import none of them.
package audit
