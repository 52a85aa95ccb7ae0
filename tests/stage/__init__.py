"""The stage: a whole run of the market maker in this process, in virtual time, without a socket.

    run.py, session, gateway, watch, engine   the real ones
                 |  aiohttp                   `net`: one HTTP client and websocket, in process
                 |                            scripted: late, lost, cut, mute, answered by a script
    `house`      PaperExchange, its blocks run by the loop's own clock; other accounts trade there

Nothing waits: when nothing is ready the loop's clock jumps to what is due next. The same script
gives the same bytes. What a script asserts is what the exchange received, holds and reports.
"""
