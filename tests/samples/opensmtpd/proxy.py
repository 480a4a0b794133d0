import socket, threading, sys
def pump(a,b):
    try:
        while d:=a.recv(65536): b.sendall(d)
    except OSError: pass
    finally:
        try: b.shutdown(1)
        except OSError: pass
s=socket.create_server(('127.0.0.1',10027))
while True:
    c,_=s.accept(); u=socket.create_connection(('127.0.0.1',10028))
    threading.Thread(target=pump,args=(c,u),daemon=True).start(); threading.Thread(target=pump,args=(u,c),daemon=True).start()
