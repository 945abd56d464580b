package upload

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		want Target
		says string // of the folder "f"
	}{
		{"https://contoso.blob.core.windows.net/reports", Target{host: "contoso.blob.core.windows.net", bucket: "reports"}, "https://contoso.blob.core.windows.net/reports/f"},
		{"https://contoso.blob.core.windows.net/reports/a/b/", Target{host: "contoso.blob.core.windows.net", bucket: "reports", prefix: "a/b"}, "https://contoso.blob.core.windows.net/reports/a/b/f"},
		{"https://contoso.blob.core.usgovcloudapi.net/reports", Target{host: "contoso.blob.core.usgovcloudapi.net", bucket: "reports"}, "https://contoso.blob.core.usgovcloudapi.net/reports/f"},
		{"http://127.0.0.1:10000/contoso/reports/a", Target{host: "127.0.0.1:10000", plain: true, path: "contoso", bucket: "reports", prefix: "a"}, "http://127.0.0.1:10000/contoso/reports/a/f"},
		{"s3://reports", Target{s3: true, bucket: "reports"}, "s3://reports/f"},
		{"s3://reports/a/b?region=eu-central-1", Target{s3: true, bucket: "reports", prefix: "a/b", region: "eu-central-1"}, "s3://reports/a/b/f"},
		{"s3://reports/a?endpoint=https://minio.contoso.com:9000", Target{s3: true, host: "minio.contoso.com:9000", bucket: "reports", prefix: "a"}, "s3://reports/a/f"},
		{"s3://reports?endpoint=http://minio:9000", Target{s3: true, plain: true, host: "minio:9000", bucket: "reports"}, "s3://reports/f"},
	} {
		got, err := Parse(tt.raw)
		if err != nil {
			t.Errorf("%s: %v", tt.raw, err)
			continue
		}
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(Target{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.raw, d)
		}
		if s := got.Join("f"); s != tt.says {
			t.Errorf("%s: %s", tt.raw, s)
		}
		if got.Plain() != strings.Contains(tt.raw, "http://minio") {
			t.Errorf("%s: plain %v", tt.raw, got.Plain())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ raw, says string }{
		{"", "begins with"},
		{"reports", "begins with"},
		{"ftp://contoso.com/reports", "begins with"},
		{"https://contoso.com/reports", "ACCOUNT.blob.core.windows.net"},
		{"http://contoso.blob.core.windows.net/reports", "https"},
		{"https://contoso.blob.core.windows.net", "container is missing"},
		{"https://contoso.blob.core.windows.net/", "container is missing"},
		{"http://127.0.0.1:10000/contoso", "container is missing"},
		{"https://contoso.blob.core.windows.net/reports?sv=1&sig=SECRET", "AZURE_STORAGE_SAS_TOKEN"},
		{"https://id:SECRET@contoso.blob.core.windows.net/reports", "environment"},
		{"https://contoso.blob.core.windows.net/reports/../other", "part"},
		{"https://contoso.blob.core.windows.net/reports//a", "part"},
		{"https://contoso.blob.core.windows.net/reports#a", "#"},
		{"https://contoso.blob.core.windows.net/%zz?sig=SECRET", "cannot be read"},
		{"s3:///a", "bucket is missing"},
		{"s3://id:SECRET@reports", "environment"},
		{"s3://reports?secret=SECRET", "environment"},
		{"s3://reports?region=a&region=b", "once"},
		{"s3://reports?endpoint=minio:9000", "endpoint is https"},
		{"s3://reports?endpoint=https://minio/path", "endpoint is https"},
		{"s3://reports?endpoint=https://id:SECRET@minio", "endpoint is https"},
	} {
		_, err := Parse(tt.raw)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v, want %q", tt.raw, err, tt.says)
		}
	}
}

// FuzzParse: an address that is taken has a container, no way out of its
// prefix, and reads back as itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://contoso.blob.core.windows.net/reports/a", "s3://reports/a?endpoint=https://minio:9000&region=x", "http://127.0.0.1:1/a/b", "s3://a/%2e%2e/b", "https://x.blob./a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := Parse(raw)
		if err != nil {
			return
		}
		if got.bucket == "" || strings.Contains("/"+got.prefix+"/", "/../") || strings.HasPrefix(got.prefix, "/") {
			t.Errorf("%q gives %+v", raw, got)
		}
		if !got.s3 && got.host == "" {
			t.Errorf("%q has no host", raw)
		}
	})
}
