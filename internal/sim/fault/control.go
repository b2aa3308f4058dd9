package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FromLoopback reports whether a request for a switch comes from this machine,
// and calls it by a name that no web page elsewhere can be made to point here.
func FromLoopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Parameters reads the query of a request and, over it, a body that is a flat
// JSON object.
func Parameters(r *http.Request) (url.Values, error) {
	query := r.URL.Query()
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("reading the parameters: %w", err)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return query, nil
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, fmt.Errorf("reading the JSON parameters: %w", err)
	}
	for name, value := range object {
		query.Set(name, fmt.Sprint(value))
	}
	return query, nil
}

// ReadOptions reads for, count and path of a request.
func ReadOptions(r *http.Request) (Options, error) {
	query, err := Parameters(r)
	if err != nil {
		return Options{}, err
	}
	return ParseOptions(query)
}

// ParseOptions reads for, count and path.
func ParseOptions(query url.Values) (Options, error) {
	o := Options{Path: query.Get("path")}
	if text := query.Get("count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("count=%s is not a number above 0", text)
		}
		o.Count = n
	}
	if text := query.Get("for"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return o, fmt.Errorf("reading a duration such as 90s: %w", err)
		}
		if d <= 0 {
			return o, errors.New("for must be above 0")
		}
		o.For = d
	}
	return o, nil
}
