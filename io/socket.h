/* io/socket.h - an endpoint's two sockets, and addresses as the kernel wants them. */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include "henge/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The form that bind, connect and sendto take. Returns its length, 0 for "no address". */
socklen_t sockaddr_of_address(const struct henge_address *address,
                              struct sockaddr_storage *socket_address_out);
/* False, and "no address", for families other than IPv4 and IPv6. */
bool address_of_sockaddr(const struct sockaddr_storage *socket_address,
                         struct henge_address *address_out);

/* Opens a UDP socket and a listening TCP socket on one address and port; port 0 means one that is
 * free for both, looked for a bounded number of times. Both are non-blocking and close on exec.
 * bound_out is the address with the port that was taken. On failure nothing stays open and `reason`
 * (cut; may be NULL) names the address, the step and the system's word for the error.
 * Any thread. [may block] */
enum henge_status sockets_open(const struct henge_address *bind, int *udp_out, int *tcp_out,
                               struct henge_address *bound_out, char *reason, size_t reason_bytes);

/* TCP_NODELAY: each message is written whole, waiting for more would only delay it. */
void socket_send_at_once(int descriptor);
/* Before close(2) of a stream: unread input would turn the close into a reset, and what is still
 * queued to be sent would be lost. Bounded: a peer that keeps sending gets its reset. */
void socket_discard_input(int descriptor);
/* The peers to which datagrams were sent in vain, as nobody listens there (ICMP: port unreachable).
 * Takes the socket's error queue until it is empty or `max` are found; how many. What is left in
 * the queue keeps the socket readable (EPOLLERR), so call again while the answer is `max`. */
uint32_t socket_refusals(int descriptor, struct henge_address *peers_out, uint32_t max);
/* Datagrams that the kernel dropped as the receive queue was full, since the socket's beginning. */
uint32_t socket_drops(int descriptor);
/* The system's phrase for an errno, static storage. Unlike strerror, any thread. */
const char *socket_error_text(int error);

#endif
