package sim_test

import (
	"crypto/md5" //nolint:gosec // digest login
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// askDigest asks with a digest login made for a nonce.
func askDigest(t *testing.T, c *client, path, nonce, password string) *http.Response {
	t.Helper()
	sum := func(s string) string {
		h := md5.Sum([]byte(s)) //nolint:gosec // digest login
		return hex.EncodeToString(h[:])
	}
	response := sum(sum("envoy:enphaseenergy.com:"+password) + ":" + nonce + ":00000001:abcd:auth:" + sum("GET:"+path))
	req, err := http.NewRequestWithContext(t.Context(), "GET", c.sim.Gateway.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprintf(`Digest username="envoy", realm="enphaseenergy.com", nonce=%q, uri=%q, `+
		`qop=auth, nc=00000001, cnonce="abcd", response=%q`, nonce, path, response))
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}
