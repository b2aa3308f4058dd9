// Package announce tells a network about a simulated gateway over mDNS, the way
// a real one does: _enphase-envoy._tcp with its serial and firmware.
//
// A simulated gateway must never be announced to a real home, where a daemon
// would find it. So it is announced only on the loopback interface, when that
// is where it listens, or in a network namespace of its own: one that is not
// the namespace of process 1, or of the oldest ancestor that may be looked at.
package announce

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/grandcat/zeroconf"
)

// service is what gateways are found under.
const service = "_enphase-envoy._tcp"

// ErrRealNetwork is why an announcement is refused.
var ErrRealNetwork = errors.New("mDNS announcements are made only on loopback or in a network namespace of its own")

// Config says what is announced.
type Config struct {
	Address  string // where the gateway listens, host:port
	Serial   string
	Firmware string
	Instance string // "" = envoy
}

// Announcement is one that is being made. Close it.
type Announcement struct{ server *zeroconf.Server }

// Start begins to answer questions for gateways.
func Start(cfg Config) (*Announcement, error) {
	addr, err := netip.ParseAddrPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("announcing the gateway at %s: %w", cfg.Address, err)
	}
	interfaces, err := allowed(addr.Addr())
	if err != nil {
		return nil, err
	}
	addresses, err := addressesOf(addr.Addr(), interfaces)
	if err != nil {
		return nil, err
	}
	if cfg.Instance == "" {
		cfg.Instance = "envoy"
	}
	text := []string{"serialnum=" + cfg.Serial, "protovers=" + cfg.Firmware, "txtvers=1"}
	server, err := zeroconf.RegisterProxy(cfg.Instance, service, "local.", int(addr.Port()), cfg.Instance, addresses, text, interfaces)
	if err != nil {
		return nil, fmt.Errorf("announcing the gateway at port %s: %w", strconv.Itoa(int(addr.Port())), err)
	}
	return &Announcement{server}, nil
}

// Close says goodbye and stops answering.
func (a *Announcement) Close() error {
	a.server.Shutdown()
	return nil
}

// allowed returns the interfaces that may be told, or ErrRealNetwork.
func allowed(listen netip.Addr) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing the network interfaces: %w", err)
	}
	own := ownNamespace()
	if !own && !listen.IsLoopback() {
		return nil, fmt.Errorf("%w; the gateway listens at %s in the machine's own network", ErrRealNetwork, listen)
	}
	var list []net.Interface
	for _, i := range all {
		loopback := i.Flags&net.FlagLoopback != 0
		if i.Flags&net.FlagUp == 0 || loopback != listen.IsLoopback() {
			continue
		}
		if loopback || i.Flags&net.FlagMulticast != 0 {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no network interface to announce the gateway on")
	}
	return list, nil
}

// addressesOf are those the gateway can be reached at.
func addressesOf(listen netip.Addr, interfaces []net.Interface) ([]string, error) {
	if !listen.IsUnspecified() {
		return []string{listen.String()}, nil
	}
	var list []string
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("listing the addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, prefix.Addr().String())
			}
		}
	}
	return list, nil
}
