package audit

// A Ternary is a yes or no that may not be known. Its zero value is Unknown,
// so that a forgotten value never reads as a no.
type Ternary uint8

// The values of a Ternary.
const (
	Unknown Ternary = iota
	No
	Yes
)

// TernaryOf gives Yes or No.
func TernaryOf(b bool) Ternary {
	if b {
		return Yes
	}
	return No
}

// TernaryOfPointer gives Unknown for nil, as for a JSON null.
func TernaryOfPointer(b *bool) Ternary {
	if b == nil {
		return Unknown
	}
	return TernaryOf(*b)
}

// Pointer gives nil for Unknown, as for a JSON null.
func (t Ternary) Pointer() *bool {
	if t == Unknown {
		return nil
	}
	b := t == Yes
	return &b
}

// String gives "true", "false", or "" for Unknown: the words of the reports.
func (t Ternary) String() string {
	switch t {
	case Yes:
		return "true"
	case No:
		return "false"
	}
	return ""
}
