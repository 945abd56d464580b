// Package graphsim is a simulated Microsoft Graph: an http.Handler that answers
// for a made-up tenant the way Graph v1.0 answers for a real one, with its
// paging, batching, quotas, error bodies and, where asked for, its failures.
// Tests run it in process, the demo command serves it on loopback.
//
// A tenant is a pure function of its seed: each user and each passkey is worked
// out from its index when it is asked for, so that a tenant of a million users
// starts at once and takes next to no memory.
//
// The package must not know how the tool reads Graph. It imports neither the
// package that does, nor the Graph SDK, so that a mistake in reading cannot be
// hidden by the same mistake in answering. What it answers with was taken from
// Microsoft's documentation and published metadata; testdata/schema-v1.0.json
// is the slice of that metadata which a test holds every answer against.
package graphsim
