package databases_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// point is what a database holds of one series at one time.
type point struct {
	series string
	ms     int64
	fields map[string]float64
}

// database is a place the daemon writes to.
type database interface {
	// points returns what it holds of a measurement.
	points(t *testing.T, measurement string) []point
}

// double answers as InfluxDB 2.7 does, or as it is told.
type double struct {
	*httptest.Server

	mu     sync.Mutex
	held   map[string]point // by series and time
	faulty http.HandlerFunc // instead of the usual answer; nil = none
	lose   bool             // take the points and drop the connection
	refuse int              // how often it was faulty
	other  []string         // points that came again with other values
}

func newDouble(t testing.TB) *double {
	t.Helper()
	d := &double{held: map[string]point{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// config is the influx section for it.
func (d *double) config() string {
	return fmt.Sprintf("influx: {url: %q, org: home, bucket: solar, token: the-good-token}\n", d.URL)
}

// answer lets it answer with a status for everything from now on.
func (d *double) answer(status int, header ...string) {
	d.set(false, func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"code":%q,"message":"as told"}`, strings.ToLower(http.StatusText(status)))
	})
}

// loseAnswers lets it take everything and say nothing.
func (d *double) loseAnswers() { d.set(true, nil) }

// heal ends all that.
func (d *double) heal() { d.set(false, nil) }

func (d *double) set(lose bool, faulty http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lose, d.faulty, d.refuse = lose, faulty, 0
}

// refused is how often it has been faulty since it was told to be.
func (d *double) refused() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refuse
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := r.URL.Query()
	switch {
	case d.faulty != nil:
		d.refuse++
		d.faulty(w, r)
	case r.URL.Path != "/api/v2/write" || r.Header.Get("Authorization") != "Token the-good-token" ||
		q.Get("org") != "home" || q.Get("bucket") != "solar" || q.Get("precision") != "ms":
		http.Error(w, `{"code":"invalid","message":"wrong address"}`, http.StatusBadRequest)
	default:
		d.take(w, string(body))
	}
}

// take stores the points of a body.
func (d *double) take(w http.ResponseWriter, body string) {
	for text := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		p, err := parse(text)
		if err != nil {
			http.Error(w, fmt.Sprintf(`{"code":"invalid","message":"unable to parse '%s'"}`, text), http.StatusBadRequest)
			return
		}
		key := fmt.Sprint(p.series, " ", p.ms)
		if old, ok := d.held[key]; ok && fmt.Sprint(old.fields) != fmt.Sprint(p.fields) {
			d.other = append(d.other, fmt.Sprintf("%s: %v, then %v", key, old.fields, p.fields))
		}
		d.held[key] = p
	}
	if d.lose {
		d.refuse++
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

// parse reads a line as the daemon writes it: no value has a space in it.
func parse(text string) (point, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return point{}, fmt.Errorf("%d parts", len(parts))
	}
	p := point{series: parts[0], fields: map[string]float64{}}
	var err error
	if p.ms, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return point{}, err
	}
	for pair := range strings.SplitSeq(parts[1], ",") {
		name, value, _ := strings.Cut(pair, "=")
		if p.fields[name], err = strconv.ParseFloat(value, 64); err != nil {
			return point{}, err
		}
	}
	return p, nil
}

func (d *double) points(t *testing.T, measurement string) []point {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.other {
		t.Error("a point came again with other values:", o)
	}
	d.other = nil
	var found []point
	for _, p := range d.held {
		if strings.HasPrefix(p.series, measurement+",") {
			found = append(found, p)
		}
	}
	return found
}
