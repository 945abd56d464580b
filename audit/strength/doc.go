// Package strength says what authentication strengths accept: it reads the
// custom strengths with a list of AAGUIDs and the Conditional Access policies
// that ask for them, as Microsoft Graph gives them, and finds the passkeys that
// a strength does not accept.
//
// Everything in it is a function of its arguments: no input or output, no clock,
// no logger. It must not know Microsoft Graph's protocol, the snapshot, the
// Passkey (FIDO2) policy, any report or the terminal. It never claims that a
// sign-in fails: applications, platforms, locations and risk are not judged.
package strength
