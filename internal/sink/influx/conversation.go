package influx

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"envoyd/internal/fault"
)

const (
	connectWithin = 5 * time.Second
	answerWithin  = 30 * time.Second
	requestWithin = 60 * time.Second

	mostBody    = 64 << 10 // of an answer that is read
	mostHeaders = 64 << 10
	mostMessage = 300 // runes of an answer's text that are shown

	longestAfter = 10 * time.Minute // of a Retry-After that is believed
)

// newHTTPClient returns a client that gives up in time, follows no redirect (a
// redirected POST becomes a GET, whose 200 would pass for a stored batch) and
// keeps one connection.
func newHTTPClient(base *url.URL, cfg Config) (*http.Client, error) {
	roots, err := authorities(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectWithin}).DialContext
	}
	transport := &http.Transport{
		Proxy:                  proxy(base),
		DialContext:            dial,
		TLSHandshakeTimeout:    connectWithin,
		ResponseHeaderTimeout:  answerWithin,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: mostHeaders,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       requestWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// authorities returns the system's and those of the file; nil means the
// system's alone.
func authorities(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, setting("influx.ca_file", "Name a readable PEM file.", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, setting("influx.ca_file", "Name a file with PEM certificates.",
			fmt.Errorf("no certificate in %s", caFile))
	}
	return pool, nil
}

// proxy follows the environment only for HTTPS to a host on the internet. A
// proxy set for a whole machine cannot reach the home network, and over plain
// HTTP it would see the token.
func proxy(base *url.URL) func(*http.Request) (*url.URL, error) {
	if base.Scheme != "https" || athome(base.Hostname()) {
		return nil
	}
	return http.ProxyFromEnvironment
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// athome reports whether a host is on the home network by its looks.
func athome(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain", ".localhost", ".box"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// authorization returns the header for the configured login. InfluxDB 1.8
// takes "Token user:password" but splits it at the first colon and the header
// at spaces, so logins with those go as Basic.
func authorization(cfg Config) string {
	if !cfg.Token.IsZero() {
		return "Token " + cfg.Token.Reveal()
	}
	if cfg.Username == "" {
		return ""
	}
	login := cfg.Username + ":" + cfg.Password.Reveal()
	if strings.Contains(cfg.Username, ":") || strings.ContainsAny(login, " \t") {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(login))
	}
	return "Token " + login
}

// conversation sends the library's requests and turns every answer that is not
// a stored batch into an *answer. The library would read an endless body,
// lose the text of some errors and take any 2xx for success.
type conversation struct {
	client        *http.Client
	authorization string
	secrets       []string // never to be shown, even if the other side echoes them
}

func newConversation(client *http.Client, cfg Config) *conversation {
	c := &conversation{client: client, authorization: authorization(cfg)}
	_, credentials, _ := strings.Cut(c.authorization, " ")
	for _, s := range []string{credentials, cfg.Token.Reveal(), cfg.Password.Reveal()} {
		if s != "" {
			c.secrets = append(c.secrets, s)
		}
	}
	return c
}

// Do makes the request.
func (c *conversation) Do(req *http.Request) (*http.Response, error) {
	if c.authorization != "" {
		req.Header.Set("Authorization", c.authorization)
	}
	resp, err := c.client.Do(req) //nolint:gosec // the address is the owner's own
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBody))
	if err != nil && resp.StatusCode/100 == 2 {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusOK && len(bytes.TrimSpace(body)) == 0 {
		resp.Body = http.NoBody
		return resp, nil
	}
	return nil, c.newAnswer(resp, body)
}

// answer is what the other side said instead of "stored".
type answer struct {
	status   int
	message  string
	database bool          // it speaks as a database does, not as some web server
	after    time.Duration // it asked not to be tried again before
}

// Error says the status and what came with it.
func (a *answer) Error() string {
	text := fmt.Sprintf("answered %d %s", a.status, strings.ToLower(http.StatusText(a.status)))
	if a.message == "" {
		return text
	}
	return text + ": " + a.message
}

func (c *conversation) newAnswer(resp *http.Response, body []byte) *answer {
	h := resp.Header
	a := &answer{
		status:   resp.StatusCode,
		database: h.Get("X-Influxdb-Version")+h.Get("X-Influxdb-Build")+h.Get("X-Influxdb-Error") != "",
		after:    retryAfter(h.Get("Retry-After"), time.Now()),
	}
	message, structured := messageOf(body)
	a.database = a.database || structured
	message = cmp.Or(message, h.Get("X-Influxdb-Error"))
	if location := h.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
		message = "redirects to " + location
	}
	for _, s := range c.secrets {
		message = strings.ReplaceAll(message, s, "***")
	}
	a.message = shortened(message)
	return a
}

// messageOf finds the text in an answer's body: InfluxDB 2 says
// {"code","message"}, 1.8 {"error"}, 3 {"error","data":[{"error_message"}]},
// VictoriaMetrics and proxies plain text. It reports whether it was the form
// of a database.
func messageOf(body []byte) (string, bool) {
	var form struct {
		Message string `json:"message"`
		Error   string `json:"error"`
		Data    []struct {
			Message string `json:"error_message"`
		} `json:"data"`
	}
	// A form that is only partly as expected still has its text.
	_ = json.Unmarshal(body, &form)
	if text := cmp.Or(form.Message, form.Error); text != "" {
		if len(form.Data) > 0 && form.Data[0].Message != "" {
			text += ": " + form.Data[0].Message
		}
		return text, true
	}
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") {
		return "a web page", false
	}
	return text, false
}

// shortened makes a foreign text fit for a log line.
func shortened(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if runes := []rune(text); len(runes) > mostMessage {
		text = string(runes[:mostMessage]) + "…"
	}
	return strings.TrimSpace(text)
}

// retryAfter reads the header, whole seconds or a date, capped.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	after := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), longestAfter)
}

// setting is a fault of the configuration, named by its key.
func setting(key, mend string, err error) error {
	return &fault.Error{Kind: fault.Config, Op: key, Mend: mend, Err: err}
}
