package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
)

// AAGUIDsOptions are the flags of the command aaguids.
type AAGUIDsOptions struct{ namesOptions }

// AddFlags binds the flags.
func (o *AAGUIDsOptions) AddFlags(cmd *cobra.Command) { o.namesOptions.AddFlags(cmd) }

func newAAGUIDsCommand(w world, u *ui) *cobra.Command {
	var o AAGUIDsOptions
	cmd := &cobra.Command{
		Use:   "aaguids [QUERY]",
		Short: "Look authenticators up by AAGUID, name or vendor",
		Long: `Looks authenticators up by AAGUID, the beginning of one, or words of the name
or vendor; * stands for any text. Without a query it lists all that are known.
Prints AAGUID, name, vendor and who gives the name; with --mds-blob also the
certification and what is wrong with the authenticator.`,
		Example: `  passkey-audit aaguids "Microsoft Authenticator"
  passkey-audit aaguids 2fc0579f`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runAAGUIDs(w, u, o, args) },
	}
	o.AddFlags(cmd)
	return cmd
}

func runAAGUIDs(w world, u *ui, o AAGUIDsOptions, args []string) error {
	names, err := o.catalogue(w, u)
	if err != nil {
		return err
	}
	query := ""
	if len(args) > 0 {
		query = args[0]
	}
	found := names.Search(query)
	if len(found) == 0 {
		return withHint(fmt.Errorf("no authenticator matches %s among the %d known", quote(query), names.Len()),
			"an AAGUID that is not listed may exist all the same; give it a name with --aaguid-file")
	}
	t := tabwriter.NewWriter(w.stdout, 0, 4, 2, ' ', 0)
	for _, a := range found {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s", a.AAGUID, harmless(a.Name), harmless(a.Vendor), a.Source)
		if names.Metadata() != nil {
			fmt.Fprintf(t, "\t%s\t%s", harmless(a.Certification), harmless(a.Problem))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write authenticators: %w", err)
	}
	u.say("%d of %d known authenticators; names as of %s", len(found), names.Len(), names.Date())
	return nil
}

// namesOptions say where authenticators' names come from.
type namesOptions struct{ aaguidFile, mdsBlob string }

// AddFlags binds the flags.
func (o *namesOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.aaguidFile, "aaguid-file", "", "own `FILE` of names (JSON or CSV), laid over the catalogue")
	f.StringVar(&o.mdsBlob, "mds-blob", "", "`FILE` of the FIDO Metadata Service (https://mds3.fidoalliance.org): certification levels, revoked and compromised authenticators, further names")
}

// catalogue gives the catalogue with the FIDO metadata, under the user's own
// names.
func (o *namesOptions) catalogue(w world, u *ui) (*aaguid.Catalogue, error) {
	c := aaguid.Default()
	if o.mdsBlob != "" {
		f, err := os.Open(o.mdsBlob)
		if err != nil {
			return nil, usagef("--mds-blob: %v", err)
		}
		defer f.Close()
		m, err := aaguid.ReadMDS(f, aaguid.MDSOptions{Now: w.now()})
		if err != nil {
			return nil, usagef("--mds-blob %s: %v", quote(o.mdsBlob), err)
		}
		for _, text := range m.Warnings() {
			u.warn("--mds-blob %s: %s", quote(o.mdsBlob), text)
		}
		c = c.WithMDS(m)
	}
	if o.aaguidFile == "" {
		return c, nil
	}
	f, err := os.Open(o.aaguidFile)
	if err != nil {
		return nil, usagef("--aaguid-file: %v", err)
	}
	defer f.Close()
	own, err := c.Overlay(f, o.aaguidFile)
	if err != nil {
		return nil, usagef("--aaguid-file: %v", err)
	}
	return own, nil
}

// nameOf gives a catalogue's name for an AAGUID, or nothing.
func nameOf(c *aaguid.Catalogue) func(audit.AAGUID) string {
	return func(a audit.AAGUID) string {
		known, _ := c.Lookup(a)
		return known.Name
	}
}
