// Package aaguid is the authenticator catalogue: which AAGUID is which
// product, who makes it, and which public list says so.
//
// The names are embedded in the binary, as facts gathered from the lists that
// NOTICE names; the catalogue ages, so it states its date, and users can lay
// their own names over it. A name that the catalogue gives is no proof of a
// model: an AAGUID proves one only where attestation was verified. An AAGUID
// that the catalogue does not hold is unknown, neither good nor bad.
//
// ReadMDS reads the FIDO Metadata Service's BLOB that a user has downloaded,
// and WithMDS lays what it says over a catalogue: names for AAGUIDs that are
// not known, and for all of them certification and problems. Nothing of the
// BLOB is part of the binary; the roots that prove its signature are.
//
// The package must not know policies, Microsoft Graph, files, the network or
// any report format; it imports package audit alone of the project's packages.
//
// catalogue.tsv is generated from a JSON file with everything that was
// gathered, of which it takes AAGUID, name, vendor and sources and nothing
// else:
//
//	go test ./audit/aaguid -run TestCatalogueFile -source FILE -update
package aaguid
