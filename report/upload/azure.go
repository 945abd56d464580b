package upload

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureStore is a container of Azure Blob Storage.
type azureStore struct {
	container *container.Client
	prefix    string
	secret    string // what must not show in errors
}

var _ store = (*azureStore)(nil)

// azureTries and azureWait bound how often the library repeats a request: about
// half a minute in all.
const (
	azureTries = 4
	azureWait  = 2 * time.Second
)

func openAzure(t Target, o Options) (*azureStore, error) {
	address := t.scheme() + "://" + t.host + "/"
	if t.path != "" {
		address += t.path + "/"
	}
	address += t.bucket
	s := &azureStore{prefix: t.prefix}
	options := azcore.ClientOptions{Cloud: azureCloud(t.host), Retry: policy.RetryOptions{MaxRetries: azureTries, RetryDelay: azureWait}}
	if o.Transport != nil {
		options.Transport = &http.Client{Transport: o.Transport}
	}
	var err error
	if sas := strings.TrimPrefix(strings.TrimSpace(o.Getenv("AZURE_STORAGE_SAS_TOKEN")), "?"); sas != "" {
		s.secret = sas
		s.container, err = container.NewClientWithNoCredential(address+"?"+sas, &container.ClientOptions{ClientOptions: options})
		if err != nil {
			return nil, unanswered("open "+t.String(), err, sas)
		}
		return s, nil
	}
	// With HTTP the library sends no token, and says so at the first request.
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err == nil {
		s.container, err = container.NewClient(address, credential, &container.ClientOptions{ClientOptions: options})
	}
	if err != nil {
		return nil, unanswered("sign in to "+t.String(), err)
	}
	return s, nil
}

// azureCloud finds where to sign in from the store's host. AZURE_AUTHORITY_HOST,
// where it is set, has the last word in azidentity.
func azureCloud(host string) cloud.Configuration {
	switch {
	case strings.HasSuffix(host, ".usgovcloudapi.net"):
		return cloud.AzureGovernment
	case strings.HasSuffix(host, ".chinacloudapi.cn"):
		return cloud.AzureChina
	}
	return cloud.Configuration{}
}

// failed makes an error of what the library gives.
func (s *azureStore) failed(do string, err error) error {
	var signIn *azidentity.AuthenticationFailedError
	if errors.As(err, &signIn) {
		return &Error{Do: do, Message: bound("sign-in failed: " + signIn.Error()), hint: hintAzureAccess}
	}
	var r *azcore.ResponseError
	if !errors.As(err, &r) {
		return unanswered(do, err, s.secret)
	}
	e := &Error{Do: do, Status: r.StatusCode, Code: r.ErrorCode}
	switch {
	case refused(r.StatusCode):
		e.hint = hintAzureAccess
	case r.ErrorCode == "ContainerNotFound":
		e.hint = hintAzureHome
	}
	return e
}

// reach looks at a blob that is not there: the answer names what is missing.
func (s *azureStore) reach(ctx context.Context) error {
	key := ".passkey-audit"
	if s.prefix != "" {
		key = s.prefix + "/" + key
	}
	_, _, err := s.stat(ctx, key)
	return err
}

func (s *azureStore) stat(ctx context.Context, key string) (object, bool, error) {
	p, err := s.container.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		var r *azcore.ResponseError
		if errors.As(err, &r) && r.StatusCode == http.StatusNotFound && r.ErrorCode != "ContainerNotFound" {
			return object{}, false, nil
		}
		return object{}, false, s.failed("look for "+key, err)
	}
	o := object{sha256: digestIn(p.Metadata, text)}
	if p.ContentLength != nil {
		o.size = *p.ContentLength
	}
	return o, true, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// azureBlock is how much is sent in one request. The blocks of a blob become
// visible together, when their list is written.
const azureBlock = 16 << 20

func (s *azureStore) put(ctx context.Context, key string, f File, onlyNew bool) error {
	do := "write " + key
	file, err := f.open()
	if err != nil {
		return unanswered(do, err)
	}
	defer file.Close()
	var (
		client   = s.container.NewBlockBlobClient(key)
		kind     = contentType(f.Name)
		headers  = &blob.HTTPHeaders{BlobContentType: &kind}
		metadata = map[string]*string{metaSHA256: &f.SHA256}
		when     *blob.AccessConditions
	)
	if onlyNew {
		anyTag := azcore.ETagAny
		when = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &anyTag}}
	}
	if f.Size <= azureBlock {
		_, err = client.Upload(ctx, streaming.NopCloser(io.NewSectionReader(file, 0, f.Size)), &blockblob.UploadOptions{HTTPHeaders: headers, Metadata: metadata, AccessConditions: when})
	} else {
		var blocks []string
		blocks, err = s.stage(ctx, client, file, f)
		if err == nil {
			_, err = client.CommitBlockList(ctx, blocks, &blockblob.CommitBlockListOptions{HTTPHeaders: headers, Metadata: metadata, AccessConditions: when})
		}
	}
	if err != nil {
		var r *azcore.ResponseError
		if onlyNew && errors.As(err, &r) && (r.StatusCode == http.StatusConflict || r.StatusCode == http.StatusPreconditionFailed) {
			return errExists
		}
		return s.failed(do, err)
	}
	return nil
}

// stage sends a file in blocks, which nobody sees yet, and lists them. Their
// names begin with the file's digest, so that runs with different files of the
// same name do not mix; a name has at most 64 bytes.
func (s *azureStore) stage(ctx context.Context, client *blockblob.Client, file io.ReaderAt, f File) ([]string, error) {
	var blocks []string
	for at := int64(0); at < f.Size; at += azureBlock {
		name := binary.BigEndian.AppendUint64([]byte(f.SHA256[:min(32, len(f.SHA256))]), uint64(at))
		id := base64.StdEncoding.EncodeToString(name)
		part := io.NewSectionReader(file, at, min(azureBlock, f.Size-at))
		if _, err := client.StageBlock(ctx, id, streaming.NopCloser(part), nil); err != nil {
			return nil, err
		}
		blocks = append(blocks, id)
	}
	return blocks, nil
}

func (s *azureStore) remove(ctx context.Context, key string) error {
	if _, err := s.container.NewBlobClient(key).Delete(ctx, nil); err != nil {
		return s.failed("remove "+key, err)
	}
	return nil
}
