package upload

import (
	"context"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Store is a bucket of anything that speaks S3.
type s3Store struct {
	client *minio.Client
	bucket string
	prefix string
}

var _ store = (*s3Store)(nil)

// amazonS3 is where a bucket is if nobody says otherwise.
const amazonS3 = "s3.amazonaws.com"

func openS3(t Target, o Options) (*s3Store, error) {
	t, err := s3Defaults(t, o.Getenv)
	if err != nil {
		return nil, err
	}
	creds, err := s3Credentials(t, o)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(t.host, &minio.Options{Creds: creds, Secure: !t.plain, Region: t.region, Transport: o.Transport})
	if err != nil {
		return nil, unanswered("open "+t.String(), err)
	}
	return &s3Store{client: client, bucket: t.bucket, prefix: t.prefix}, nil
}

// s3Defaults takes server and region from the usual variables where the
// address does not name them.
func s3Defaults(t Target, getenv func(string) string) (Target, error) {
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		if t.host == "" {
			var err error
			if t, err = t.at(getenv(name)); err != nil {
				return t, err
			}
		}
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if t.region == "" {
			t.region = getenv(name)
		}
	}
	if t.host == "" {
		t.host = amazonS3
	} else if t.region == "" {
		t.region = "us-east-1" // what other servers go by where they have no regions
	}
	return t, nil
}

// s3Credentials takes what the environment offers. Amazon's address inside
// virtual machines is left alone: elsewhere, asking it takes minutes to fail.
func s3Credentials(t Target, o Options) (*credentials.Credentials, error) {
	id, secret := o.Getenv("AWS_ACCESS_KEY_ID"), o.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && secret != "":
		return credentials.NewStaticV4(id, secret, o.Getenv("AWS_SESSION_TOKEN")), nil
	case id != "" || secret != "":
		return nil, &Error{Do: "sign in to S3", Message: "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set"}
	}
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		if o.Getenv(name) == "" {
			continue
		}
		iam := &credentials.IAM{Client: &http.Client{Transport: o.Transport}, Region: t.region, Endpoint: o.Getenv("AWS_ENDPOINT_URL_STS")}
		iam.EKSIdentity.TokenFile = o.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
		iam.EKSIdentity.RoleARN = o.Getenv("AWS_ROLE_ARN")
		iam.EKSIdentity.RoleSessionName = o.Getenv("AWS_ROLE_SESSION_NAME")
		return credentials.New(iam), nil
	}
	return nil, &Error{
		Do: "sign in to S3", Message: "there are no credentials in the environment",
		hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the job a role with a web identity (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN)",
	}
}

// s3Error makes an error of what the library gives.
func s3Error(do string, err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) || r.StatusCode == 0 {
		return unanswered(do, err)
	}
	e := &Error{Do: do, Status: r.StatusCode, Code: r.Code, Message: bound(r.Message)}
	switch {
	case refused(r.StatusCode):
		e.hint = hintS3Access
	case r.Code == minio.NoSuchBucket:
		e.hint = hintS3Home
	}
	return e
}

// reach reads an object that is not there, for its answer tells a bucket that
// is missing from an object that is; an answer to HEAD has no such words.
func (s *s3Store) reach(ctx context.Context) error {
	do := "reach s3://" + s.bucket
	key := ".passkey-audit"
	if s.prefix != "" {
		key = s.prefix + "/" + key
	}
	r, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	switch {
	case err == nil:
		_ = r.Close() // nothing was read
	case minio.ToErrorResponse(err).Code != minio.NoSuchKey:
		return s3Error(do, err)
	}
	return nil
}

func (s *s3Store) stat(ctx context.Context, key string) (object, bool, error) {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return object{}, false, nil
		}
		return object{}, false, s3Error("look for "+key, err)
	}
	return object{size: info.Size, sha256: digestIn(info.UserMetadata, func(v string) string { return v })}, true, nil
}

// s3Part is how much is sent in one request. The parts of an object become
// visible together, when they are joined.
const s3Part = 16 << 20

func (s *s3Store) put(ctx context.Context, key string, f File, onlyNew bool) error {
	do := "write " + key
	file, err := f.open()
	if err != nil {
		return unanswered(do, err)
	}
	defer file.Close()
	if f.Size > s3Part {
		// Parts that a killed run left are invisible, and are charged for. Whoever
		// may not list them leaves them to the bucket's lifecycle rules.
		if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, key); err != nil && ctx.Err() != nil {
			return s3Error(do, err)
		}
	}
	o := minio.PutObjectOptions{
		ContentType: contentType(f.Name), UserMetadata: map[string]string{metaSHA256: f.SHA256},
		// The server checks what arrived; every server knows this check.
		SendContentMd5: true, PartSize: s3Part,
	}
	if onlyNew {
		o.SetMatchETagExcept("*")
	}
	_, err = s.client.PutObject(ctx, s.bucket, key, file, f.Size, o)
	if status := minio.ToErrorResponse(err).StatusCode; onlyNew && err != nil {
		switch status {
		case http.StatusPreconditionFailed:
			return errExists
		case http.StatusNotImplemented:
			// A server without conditions: what was looked at before has to do.
			return s.put(ctx, key, f, false)
		}
	}
	if err != nil {
		return s3Error(do, err)
	}
	return nil
}

func (s *s3Store) remove(ctx context.Context, key string) error {
	if err := s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}); err != nil {
		return s3Error("remove "+key, err)
	}
	return nil
}
