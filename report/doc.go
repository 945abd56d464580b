// Package report turns judged users into one model that every format writes:
// the figures, the sentences that people read, and the tables with their typed
// columns, each declared once.
//
// Build reads the users once, in their final order, and keeps the rows of the
// tables in a private temporary folder, so that memory does not grow with the
// number of passkeys. A report is of one tenant or of several; of each of several
// nothing stays in memory but its figures. A Counter counts a further proposal while they are read.
// BuildChanges does the same for what changed between two snapshots, which
// CompareUser finds user by user. The formats live in the packages below this
// one and only lay out what they find here.
//
// The package knows the vocabulary of package audit and nothing else: no
// policy rules, no snapshot, no Microsoft Graph, no file format, no terminal.
package report
