package influx_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"envoyd/internal/secret"
	"envoyd/internal/sink/influx"
)

// double answers as InfluxDB 2.7 was seen to on its real write path: one
// malformed line drops the whole batch with 400; a type conflict or a point
// older than the retention drops only itself, with 422.
type double struct {
	*httptest.Server

	mu        sync.Mutex
	values    map[string]map[int64]float64 // "series field" to time in ms to value
	types     map[string]string            // "measurement field" to a type other than float
	retention time.Duration
	token     string
	faults    []fabricated
	requests  int
	bodies    []string
}

// fabricated is an answer given instead of the usual one.
type fabricated struct {
	status  int
	headers map[string]string
	body    string
	when    func(body string) bool // nil: whatever is asked, once
	stored  bool                   // the points were stored all the same
}

const (
	doubleOrg    = "home"
	doubleBucket = "solar"
	doubleToken  = "a-token-that-opens"
)

func newDouble(t testing.TB) *double {
	t.Helper()
	d := &double{values: map[string]map[int64]float64{}, types: map[string]string{}, token: doubleToken}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// next lets the coming answers be these.
func (d *double) next(faults ...fabricated) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, faults...)
}

// heal forgets all faults.
func (d *double) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

func (d *double) asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	d.bodies = append(d.bodies, string(body))
	for i, f := range d.faults {
		if f.when != nil && !f.when(string(body)) {
			continue
		}
		if f.when == nil {
			d.faults = append(d.faults[:i:i], d.faults[i+1:]...)
		}
		if f.stored {
			d.write(string(body))
		}
		for key, value := range f.headers {
			w.Header().Set(key, value)
		}
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
		return
	}
	d.answer(w, r, string(body))
}

func (d *double) answer(w http.ResponseWriter, r *http.Request, body string) {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/api/v2/write":
		say(w, 404, "not found", "path not found")
	case r.Header.Get("Authorization") == "Token read-only":
		say(w, 403, "forbidden", "insufficient permissions for write")
	case r.Header.Get("Authorization") != "Token "+d.token:
		say(w, 401, "unauthorized", "unauthorized access")
	case q.Get("org") != doubleOrg:
		say(w, 404, "not found", fmt.Sprintf("organization name %q not found", q.Get("org")))
	case q.Get("bucket") != doubleBucket:
		say(w, 404, "not found", fmt.Sprintf("bucket %q not found", q.Get("bucket")))
	case q.Get("precision") != "ms":
		say(w, 400, "invalid", "this double was only ever asked in ms")
	case strings.TrimSpace(body) == "":
		say(w, 400, "invalid", "writing requires points")
	default:
		status, code, message := d.write(body)
		say(w, status, code, message)
	}
}

func say(w http.ResponseWriter, status int, code, message string) {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		_, _ = fmt.Fprintf(w, `{"code":%q,"message":%q}`, code, message)
	}
}

// write stores what can be stored.
func (d *double) write(body string) (status int, code, message string) {
	var lines []line
	for text := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		l, err := parseLine(text)
		if err != nil {
			return 400, "invalid", fmt.Sprintf("unable to parse '%s': %v", text, err)
		}
		lines = append(lines, l)
	}
	dropped, why := 0, ""
	for _, l := range lines {
		if reason := d.refuses(l); reason != "" {
			dropped, why = dropped+1, reason
			continue
		}
		for field, value := range l.fields {
			key := l.series() + " " + field
			if d.values[key] == nil {
				d.values[key] = map[int64]float64{}
			}
			d.values[key][l.ms] = value
		}
	}
	if dropped > 0 {
		return 422, "unprocessable entity", fmt.Sprintf("failure writing points to database: partial write: %s dropped=%d", why, dropped)
	}
	return 204, "", ""
}

func (d *double) refuses(l line) string {
	if d.retention > 0 && time.Since(time.UnixMilli(l.ms)) > d.retention {
		return "points beyond retention policy"
	}
	for field := range l.fields {
		if kind := d.types[l.measurement+" "+field]; kind != "" {
			return fmt.Sprintf("field type conflict: input field %q on measurement %q is type float, already exists as type %s",
				field, l.measurement, kind)
		}
	}
	return ""
}

// column returns what is held of a field of a measurement.
func (d *double) column(t *testing.T, measurement, field string) map[int64]float64 {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[int64]float64{}
	for key, values := range d.values {
		if !strings.HasPrefix(key, measurement+",") || !strings.HasSuffix(key, " "+field) {
			continue
		}
		for at, value := range values {
			if _, twice := found[at]; twice {
				t.Errorf("%s %s is there twice at %d", measurement, field, at)
			}
			found[at] = value
		}
	}
	return found
}

// line is a line of the line protocol, read as the format's description says
// and not as the client library writes it.
type line struct {
	measurement string
	tags        map[string]string
	fields      map[string]float64
	ms          int64
	head        string
}

func (l line) series() string { return l.head }

func parseLine(text string) (line, error) {
	parts := splitUnescaped(text, ' ')
	if len(parts) != 3 {
		return line{}, fmt.Errorf("%d parts", len(parts))
	}
	head := splitUnescaped(parts[0], ',')
	l := line{measurement: unescape(head[0]), tags: map[string]string{}, fields: map[string]float64{}, head: parts[0]}
	for _, pair := range head[1:] {
		kv := splitUnescaped(pair, '=')
		if len(kv) != 2 || kv[0] == "" || kv[1] == "" {
			return line{}, fmt.Errorf("bad tag %q", pair)
		}
		if _, twice := l.tags[unescape(kv[0])]; twice {
			return line{}, fmt.Errorf("tag %q twice", kv[0])
		}
		l.tags[unescape(kv[0])] = unescape(kv[1])
	}
	for _, pair := range splitUnescaped(parts[1], ',') {
		kv := splitUnescaped(pair, '=')
		if len(kv) != 2 {
			return line{}, fmt.Errorf("bad field %q", pair)
		}
		value, err := strconv.ParseFloat(kv[1], 64)
		if err != nil || strings.ContainsAny(kv[1], "xXnNpPiI_") {
			return line{}, fmt.Errorf("field %q is no float", pair)
		}
		l.fields[unescape(kv[0])] = value
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || l.measurement == "" || len(l.fields) == 0 {
		return line{}, fmt.Errorf("missing fields or time")
	}
	l.ms = ms
	return l, nil
}

func splitUnescaped(text string, at byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func unescape(text string) string {
	return strings.NewReplacer(`\,`, ",", `\ `, " ", `\=`, "=").Replace(text)
}

// sink returns a sink that may write here.
func (d *double) sink(t testing.TB, cfg influx.Config) *influx.Sink {
	t.Helper()
	cfg.URL, cfg.Org, cfg.Bucket = d.URL, doubleOrg, doubleBucket
	if cfg.Token.IsZero() {
		cfg.Token = secret.New(doubleToken)
	}
	return newSink(t, cfg)
}
