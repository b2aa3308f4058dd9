package discover

import (
	"cmp"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/grandcat/zeroconf"
)

var (
	serialShape   = regexp.MustCompile(`^[0-9]{12}$`)
	firmwareShape = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$`)
	hostShape     = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?$`)
)

// key tells candidates apart: the serial is the identity, but two hosts that
// claim the same one must both be seen, so that the claim can be refused.
type key struct{ serial, host string }

// collection merges answers. It is not for concurrent use.
type collection struct {
	prefixes []netip.Prefix
	found    map[key]Candidate
}

func newCollection(prefixes []netip.Prefix) *collection {
	return &collection{prefixes: prefixes, found: map[key]Candidate{}}
}

// add takes one answer if it is one that may count.
func (c *collection) add(e *zeroconf.ServiceEntry) {
	serial, firmware := claims(e.Text)
	addresses := c.countable(append(slices.Clone(e.AddrIPv4), e.AddrIPv6...))
	if !serialShape.MatchString(serial) || len(addresses) == 0 {
		return
	}
	host := strings.TrimSuffix(e.HostName, ".")
	if !hostShape.MatchString(host) {
		host = ""
	}
	k := key{serial, strings.ToLower(host)}
	old, known := c.found[k]
	if !known && len(c.found) >= maxCandidates {
		return
	}
	if !known {
		old = Candidate{Serial: serial, Host: host, Firmware: firmware, Port: e.Port}
	}
	old.Addresses = mergeAddresses(old.Addresses, addresses)
	c.found[k] = old
}

// claims reads the TXT strings that we use; keys there have no case.
func claims(texts []string) (serial, firmware string) {
	for _, t := range texts {
		name, value, _ := strings.Cut(t, "=")
		switch strings.ToLower(name) {
		case "serialnum":
			serial = value
		case "protovers":
			if firmwareShape.MatchString(value) {
				firmware = value
			}
		}
	}
	return serial, firmware
}

// countable keeps the addresses on a directly connected network of ours. That
// leaves out 169.254.120.1, with which some gateways answer, and fe80::, which
// cannot be dialled without the interface it was heard on.
func (c *collection) countable(ips []net.IP) []netip.Addr {
	var addresses []netip.Addr
	for _, ip := range ips {
		a, ok := netip.AddrFromSlice(ip)
		if !ok {
			continue
		}
		a = a.Unmap()
		if slices.ContainsFunc(c.prefixes, func(p netip.Prefix) bool { return p.Contains(a) }) {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

func mergeAddresses(old, more []netip.Addr) []netip.Addr {
	all := append(slices.Clone(old), more...)
	slices.SortFunc(all, netip.Addr.Compare) // IPv4 sorts before IPv6
	all = slices.Compact(all)
	return all[:min(len(all), maxAddresses)]
}

func (c *collection) candidates() []Candidate {
	list := make([]Candidate, 0, len(c.found))
	for _, candidate := range c.found {
		list = append(list, candidate)
	}
	slices.SortFunc(list, func(a, b Candidate) int {
		return cmp.Or(strings.Compare(a.Serial, b.Serial), strings.Compare(a.Host, b.Host))
	})
	return list
}
