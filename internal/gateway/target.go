package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"envoyd/internal/fault"
)

const (
	schemeHTTPS = "https"
	schemeHTTP  = "http"
)

// target is an address as a person gives it. The zero target is none.
type target struct {
	host   string // name or IP, without brackets
	port   string // "" = the usual one of the scheme
	scheme string // "" = to be found out
}

func (t target) isZero() bool { return t.host == "" }

// with returns the target with its scheme decided.
func (t target) with(scheme string) target {
	t.scheme = scheme
	return t
}

// dialAddress returns host:port for the decided scheme.
func (t target) dialAddress() string {
	port := t.port
	switch {
	case port != "":
	case t.scheme == schemeHTTP:
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(t.host, port)
}

// base returns the URL before the path for the decided scheme.
func (t target) base() string {
	host := t.host
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	if t.port != "" {
		host += ":" + t.port
	}
	return t.scheme + "://" + host
}

// String returns the target for texts.
func (t target) String() string {
	host := t.host
	if t.port != "" {
		host = net.JoinHostPort(host, t.port)
	}
	if t.scheme != "" {
		return t.scheme + "://" + host
	}
	return host
}

var errAddress = errors.New("not an address: want host, host:port or a URL without a path")

// parseTarget reads host, host:port, an IPv6 address with or without brackets,
// or an http or https URL of nothing but a host.
func parseTarget(address string) (target, error) {
	t, err := splitTarget(strings.TrimSpace(address))
	if err != nil {
		return target{}, &fault.Error{
			Kind: fault.Config, Op: fmt.Sprintf("reading the gateway address %.80q", address),
			Mend: "Give a host name or an IP address, like 192.168.1.20 or envoy.local.", Err: err,
		}
	}
	return t, nil
}

func splitTarget(s string) (target, error) {
	var t target
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if t.scheme = strings.ToLower(scheme); t.scheme != schemeHTTP && t.scheme != schemeHTTPS {
			return target{}, errAddress
		}
		s = strings.TrimSuffix(rest, "/")
	}
	var err error
	if t.host, t.port, err = splitHost(s); err != nil {
		return target{}, err
	}
	// The URL parser decides whether this is a host and nothing but a host.
	u, err := url.Parse(t.with(schemeHTTPS).base())
	if err != nil || t.host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Hostname() != t.host {
		return target{}, errAddress
	}
	return t, nil
}

// splitHost cuts the port off, if there is one.
func splitHost(s string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(s, "]") {
		s = strings.TrimSuffix(inner, "]")
		if !strings.Contains(s, ":") {
			return "", "", errAddress
		}
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.String(), "", nil
	}
	if !strings.Contains(s, ":") {
		return s, "", nil
	}
	host, port, err = net.SplitHostPort(s)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
		return "", "", errAddress
	}
	return host, port, nil
}

// shortAddress returns where a connection goes: the IP alone when the port is
// the usual one.
func shortAddress(remote net.Addr) string {
	ap, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return remote.String()
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	if ap.Port() == 443 || ap.Port() == 80 {
		return ap.Addr().String()
	}
	return ap.String()
}
