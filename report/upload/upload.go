// Package upload puts a finished folder into an object store: Azure Blob
// Storage, or anything that speaks S3. It must not know what the files hold or
// who wrote them, it reads no environment of its own accord but through the two
// libraries, and it starts no goroutine.
//
// Object stores have no folders and rename nothing. A folder is therefore
// published by its last object, the mark: all other objects are there, whole
// and looked at, before the mark is written, and whoever reads the store takes
// a folder without its mark for one that is not there. A run that is killed
// leaves objects without a mark; the next run with the same folder sends what
// is missing.
package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
)

// A File is a file to upload. Its size and digest are those that it has on the
// disk; the caller has looked.
type File struct {
	Name   string // in the folder
	Path   string // on the disk
	Size   int64
	SHA256 string // in hexadecimal digits
}

// A Folder is what is uploaded.
type Folder struct {
	Name  string // the last part of its path in the store
	Files []File
	// Mark is sent last. A folder without it is not there.
	Mark File
	// Stale are names that a folder of this kind may hold. Objects of those
	// names that are neither of Files nor the mark are removed.
	Stale []string
}

// Options say how a store is reached.
type Options struct {
	// Getenv gives the credentials: see Open.
	Getenv func(string) string
	// Transport carries the requests; nil for the libraries' own.
	Transport http.RoundTripper
	// Replace allows another folder of the same name to be replaced.
	Replace bool
	// Sent is told of each file, unless it is nil: whether it was sent, or was
	// there already.
	Sent func(f File, sent bool)
}

// A Result says what an upload did.
type Result struct {
	// Where is the folder's address, without anything secret.
	Where string
	// Sent counts files that were sent, Kept those that were there already.
	Sent, Kept int
	// Bytes were sent.
	Bytes int64
}

// ErrTaken says that another folder of that name is there.
var ErrTaken = errors.New("another folder of that name is there")

// An object is what a store says of one.
type object struct {
	size   int64
	sha256 string // in hexadecimal digits; empty where the store has none
}

func (o object) is(f File) bool { return o.size == f.Size && strings.EqualFold(o.sha256, f.SHA256) }

// A store is an object store. Its errors are of type *Error, or end a context.
type store interface {
	// reach finds out whether the store answers and lets us in.
	reach(ctx context.Context) error
	// stat tells of an object; false if there is none.
	stat(ctx context.Context, key string) (object, bool, error)
	// put writes an object, whole or not at all. With onlyNew it gives an error
	// that is errExists where there is one already.
	put(ctx context.Context, key string, f File, onlyNew bool) error
	// remove removes an object that is there.
	remove(ctx context.Context, key string) error
}

// errExists says that an object is there that must not be.
var errExists = errors.New("it is there already")

// A Place is a store, and where in it folders go.
type Place struct {
	target Target
	store  store
	o      Options
}

// Open makes ready to upload. It sends nothing.
//
// Credentials for Azure are AZURE_STORAGE_SAS_TOKEN or whatever azidentity's
// default chain finds; for S3 AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and
// perhaps AWS_SESSION_TOKEN, or what AWS_WEB_IDENTITY_TOKEN_FILE,
// AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
// stand for.
func Open(t Target, o Options) (*Place, error) {
	p := &Place{target: t, o: o}
	var err error
	if t.s3 {
		p.store, err = openS3(t, o)
	} else {
		p.store, err = openAzure(t, o)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Reach finds out, by reading, whether the store answers and lets us in.
func (p *Place) Reach(ctx context.Context) error { return p.store.reach(ctx) }

// Put uploads a folder. What is there already with the same size and digest is
// not sent again, so that calling it again completes what was interrupted.
func (p *Place) Put(ctx context.Context, f Folder) (Result, error) {
	r := Result{Where: p.target.Join(f.Name)}
	key := func(name string) string { return path.Join(p.target.prefix, f.Name, name) }
	mark, marked, err := p.store.stat(ctx, key(f.Mark.Name))
	if err != nil {
		return r, err
	}
	same := marked && mark.is(f.Mark)
	if marked && !same {
		if !p.o.Replace {
			return r, fmt.Errorf("%s: %w", r.Where, ErrTaken)
		}
		// From here on the folder is not there, until it is the new one.
		if err := p.store.remove(ctx, key(f.Mark.Name)); err != nil {
			return r, err
		}
	}
	if !same {
		if err := p.removeStale(ctx, f, key); err != nil {
			return r, err
		}
	}
	for _, file := range f.Files {
		if err := p.bring(ctx, key(file.Name), file, &r); err != nil {
			return r, err
		}
	}
	if same {
		p.told(f.Mark, false, &r)
		return r, nil
	}
	// What the store took is looked at before it counts.
	for _, file := range f.Files {
		switch o, ok, err := p.store.stat(ctx, key(file.Name)); {
		case err != nil:
			return r, err
		case !ok || !o.is(file):
			return r, fmt.Errorf("%s: %s was sent, and is not there as it was sent: is another upload of this folder running?", r.Where, file.Name)
		}
	}
	return r, p.putMark(ctx, key(f.Mark.Name), f.Mark, &r)
}

// putMark publishes the folder.
func (p *Place) putMark(ctx context.Context, key string, mark File, r *Result) error {
	err := p.store.put(ctx, key, mark, true)
	if errors.Is(err, errExists) {
		// Another run was faster, or the answer to our first try was lost.
		o, ok, serr := p.store.stat(ctx, key)
		switch {
		case serr != nil:
			return serr
		case !ok || !o.is(mark):
			return fmt.Errorf("%s: %w", r.Where, ErrTaken)
		}
		err = nil
	}
	if err == nil {
		p.told(mark, true, r)
	}
	return err
}

// bring sends a file unless it is there.
func (p *Place) bring(ctx context.Context, key string, f File, r *Result) error {
	o, ok, err := p.store.stat(ctx, key)
	if err != nil {
		return err
	}
	if ok && o.is(f) {
		p.told(f, false, r)
		return nil
	}
	if err := p.store.put(ctx, key, f, false); err != nil {
		return err
	}
	p.told(f, true, r)
	return nil
}

func (p *Place) told(f File, sent bool, r *Result) {
	if sent {
		r.Sent++
		r.Bytes += f.Size
	} else {
		r.Kept++
	}
	if p.o.Sent != nil {
		p.o.Sent(f, sent)
	}
}

// removeStale removes what an earlier folder of this name left and the new one
// does not have.
func (p *Place) removeStale(ctx context.Context, f Folder, key func(string) string) error {
	wanted := map[string]bool{f.Mark.Name: true}
	for _, file := range f.Files {
		wanted[file.Name] = true
	}
	for _, name := range f.Stale {
		if wanted[name] {
			continue
		}
		_, ok, err := p.store.stat(ctx, key(name))
		if err == nil && ok {
			err = p.store.remove(ctx, key(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open opens a file that must still have the size that it had.
func (f File) open() (*os.File, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != f.Size {
		err = fmt.Errorf("%s has changed: %d bytes, not %d", f.Name, info.Size(), f.Size)
	}
	if err != nil {
		_ = file.Close() // only read
		return nil, err
	}
	return file, nil
}

// contentType tells browsers and tools what a file is.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".jsonl":
		return "application/x-ndjson"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "application/octet-stream"
}

// metaSHA256 is the name of the metadata that holds an object's digest.
const metaSHA256 = "sha256"

// digestIn finds the digest in an object's metadata, whose names come back with
// letters in any case.
func digestIn[V any](metadata map[string]V, text func(V) string) string {
	for name, v := range metadata {
		if strings.EqualFold(name, metaSHA256) {
			return text(v)
		}
	}
	return ""
}
