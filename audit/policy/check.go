package policy

import "fmt"

// Check finds what is wrong with a Spec as far as that can be told without the
// live policy, so that a mistake in a file is told before anything is read. A
// Spec that passes may still be refused by Propose, such as for a passkey
// profile that the tenant does not have.
func Check(spec Spec) error {
	if spec.Body == nil && spec.Source == "" {
		return (&draft{}).preset(spec.Preset)
	}
	if spec.Preset != "" {
		return fmt.Errorf("propose %s: a preset and a body exclude each other", spec.Preset)
	}
	d := &document{source: spec.Source, text: spec.Body, live: map[string]bool{}, early: true}
	if d.source == "" {
		d.source = "proposal"
	}
	_, err := d.read()
	return err
}
