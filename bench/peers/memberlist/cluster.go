// A cluster of memberlist nodes in this process, and what its nodes tell about one another.
//
// memberlist calls the delegates below from many goroutines, but never two at once for one node.

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/armon/go-metrics"
	"github.com/hashicorp/memberlist"
)

// A report is that one node has seen what the current phase waits for.
type report struct {
	at time.Time
}

// watch collects the reports of one event (an update, a crash) from all nodes.
type watch struct {
	subject string // name of the node that it is about
	meta    string // its new metadata; empty: its death
	reports chan report
}

type cluster struct {
	nodes []*node
	seed  string       // address of nodes[0]
	pairs int64        // (node, member it holds as living), atomic
	watch atomic.Value // *watch

	accusations int64 // a node's own probes failed and it told the others so, atomic
	suspicions  int64 // a node came to hold a member as suspect, by itself or by hearsay, atomic
	verdicts    int64 // a node held a member dead that was not the watched one, atomic
}

type node struct {
	cluster *cluster
	name    string
	list    *memberlist.Memberlist
	lock    sync.Mutex // of meta
	meta    []byte
}

func newCluster(size int) *cluster {
	c := &cluster{nodes: make([]*node, size)}
	c.watch.Store(&watch{})
	config := metrics.DefaultConfig("")
	config.EnableHostname = false
	config.EnableRuntimeMetrics = false
	if _, err := metrics.NewGlobal(config, &counters{cluster: c}); err != nil {
		panic(err)
	}
	return c
}

// start begins the life of a node: LAN defaults, no encryption, a free port of 127.0.0.1.
func (c *cluster) start(index int) error {
	n := &node{cluster: c, name: fmt.Sprintf("node-%d", index)}
	config := memberlist.DefaultLANConfig()
	config.Name = n.name
	config.BindAddr = "127.0.0.1"
	config.BindPort = 0
	config.AdvertisePort = 0
	config.Delegate = n
	config.Events = n
	config.LogOutput = &complaints{cluster: c}
	list, err := memberlist.Create(config)
	if err != nil {
		return err
	}
	n.list = list
	c.nodes[index] = n
	return nil
}

func (c *cluster) startSeed() error {
	if err := c.start(0); err != nil {
		return err
	}
	local := c.nodes[0].list.LocalNode()
	c.seed = net.JoinHostPort(local.Addr.String(), fmt.Sprint(local.Port))
	return nil
}

// enter starts a node that asks the seed until it answers, as a program that uses the library would.
func (c *cluster) enter(index int, deadline time.Time) error {
	if err := c.start(index); err != nil {
		return err
	}
	for {
		_, err := c.nodes[index].list.Join([]string{c.seed})
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// complete says which part of all nodes' knowledge of all nodes is there; 1: all see all.
func (c *cluster) complete() float64 {
	size := float64(len(c.nodes))
	return float64(atomic.LoadInt64(&c.pairs)) / (size * size)
}

func (c *cluster) observe(subject string, meta string) *watch {
	w := &watch{subject: subject, meta: meta, reports: make(chan report, len(c.nodes))}
	c.watch.Store(w)
	return w
}

func (w *watch) tell() {
	select {
	case w.reports <- report{at: time.Now()}:
	default: // a node told twice
	}
}

// What memberlist asks and tells a node.

func (n *node) NodeMeta(limit int) []byte {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.meta
}

func (n *node) setMeta(meta string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.meta = []byte(meta)
}

func (n *node) NotifyMsg([]byte)                           {}
func (n *node) GetBroadcasts(overhead, limit int) [][]byte { return nil }
func (n *node) LocalState(join bool) []byte                { return nil }
func (n *node) MergeRemoteState(state []byte, join bool)   {}

func (n *node) NotifyJoin(*memberlist.Node) {
	atomic.AddInt64(&n.cluster.pairs, 1)
}

func (n *node) NotifyLeave(member *memberlist.Node) {
	atomic.AddInt64(&n.cluster.pairs, -1)
	w := n.cluster.watch.Load().(*watch)
	if w.subject == member.Name && w.meta == "" {
		w.tell()
	} else {
		atomic.AddInt64(&n.cluster.verdicts, 1)
	}
}

func (n *node) NotifyUpdate(member *memberlist.Node) {
	w := n.cluster.watch.Load().(*watch)
	if w.subject == member.Name && w.meta != "" && w.meta == string(member.Meta) && n.name != w.subject {
		w.tell()
	}
}

// counters is a sink of metrics that keeps the one that counts members becoming suspect.
type counters struct {
	metrics.BlackholeSink
	cluster *cluster
}

func (s *counters) IncrCounterWithLabels(key []string, value float32, labels []metrics.Label) {
	if len(key) >= 2 && key[len(key)-1] == "suspect" && key[len(key)-2] == "msg" {
		atomic.AddInt64(&s.cluster.suspicions, 1)
	}
}

// complaints is a log that counts a node's own failed probes.
type complaints struct {
	cluster *cluster
}

var _ io.Writer = (*complaints)(nil)

func (l *complaints) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "has failed, no acks received") {
		atomic.AddInt64(&l.cluster.accusations, 1)
	}
	return len(line), nil
}
