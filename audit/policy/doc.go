// Package policy says what is allowed: it reads a Passkey (FIDO2) policy as
// Microsoft Graph gives it, lays a proposal over it, judges each passkey under
// either, and suggests the restriction that breaks nobody.
//
// Everything in it is a function of its arguments: no input or output, no
// clock, no logger. It must not know Microsoft Graph's protocol, the snapshot,
// any report or the terminal. Rules that Microsoft does not document are
// followed openly: each is an audit.Assumption, and what hangs on one says so.
package policy
